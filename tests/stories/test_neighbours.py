"""Two applications of one user on one host: one proxy, and nothing else in common. What happens to one is nothing to the other."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from load import Load
from tests.apps import Repository
from tests.hosts import Hosts
from tests.stories.project import SAMPLE, SETTINGS, Project, eventually

PROXY = "/home/deploy/.shipway/proxy"


def application(place: Path, hosts: Hosts, name: str, *domains: str) -> Project:
    """The sample application under another name, answering to these domains at the host's one front door; versions 1 and 2."""
    repository = Repository(place / name)
    repository.write("app.py", SAMPLE.read_text(encoding="utf-8"))
    describe(repository, hosts, name, *domains)
    for version in "12":
        repository.write("VERSION", f"{version}\n")
        repository.write("behaviour.json", "{}\n")
        repository.commit(f"Version {version}", f"v{version}")
    return Project(repository, "live", hosts.env)


def describe(repository: Repository, hosts: Hosts, name: str, *domains: str) -> None:
    """shipway.toml, not committed yet."""
    names = ", ".join(f'"{domain}"' for domain in domains)
    settings = SETTINGS.format(run="python3 app.py").replace('"shop"', f'"{name}"', 1)
    live = f'[environment.live]\ntls = "off"\nwatch_seconds = 0\nkeep_releases = 1\ndomains = [{names}]\n'
    address = f'hosts = [{{ name = "a", address = "deploy@{hosts.address("a")}" }}]\n'
    repository.write("shipway.toml", f"{settings}\n{live}{address}")


def answer(hosts: Hosts, name: str) -> tuple[int, str]:
    """What the host says under that name: the status and the version."""
    connection = http.client.HTTPConnection(*hosts.front("a"), timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": name})
        said = connection.getresponse()
        return said.status, said.headers["X-Version"] or ""
    finally:
        connection.close()


@pytest.mark.hosts
@pytest.mark.alone
@pytest.mark.timeout(300)
def test_what_happens_to_one_is_nothing_to_the_other(place: Path) -> None:
    with Hosts(1) as hosts:
        shop = application(place, hosts, "shop", "shop.example.test")
        blog = application(place, hosts, "blog", "blog.example.test")
        shop.deploy("v1")
        blog.deploy("v1")
        host, port = hosts.front("a")
        with Load(f"{host}:{port}", host="shop.example.test", kinds=("keep-alive", "fresh", "websocket"), scale=0.2) as load:
            blog.deploy("v2")
            assert answer(hosts, "blog.example.test") == (200, "2")
            assert blog.report()["bytes_moved"]["sent"] < 1_000_000, "Caddy is there: it is not sent to everybody"
            blog.rollback()
            outcome = load.stop()
        assert outcome.failures == (), str(outcome)
        assert set(outcome.versions) == {"1"}

        describe(blog.repository, hosts, "blog", "blog.example.test", "shop.example.test")
        blog.repository.commit("A name of the neighbour", "greedy")
        refused = blog.deploy("greedy", code=1)
        assert "requests for shop.example.test at :8080 go to shop-live already" in refused.text, refused.text
        assert [answer(hosts, f"{name}.example.test") for name in ("shop", "blog")] == [(200, "1"), (200, "1")]

        blog.run("remove", "live", "--yes")
        assert [answer(hosts, f"{name}.example.test")[0] for name in ("shop", "blog")] == [200, 404]
        assert shop.status()["agrees"], "what went was only the other's"
        shop.run("remove", "live", "--yes")
        eventually(lambda: not [line for line in hosts.pids("a").values() if PROXY in line], "the proxy went with the last", 60)
