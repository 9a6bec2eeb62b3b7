"""A first deployment to two hosts: half of it comes to each from the other, or all of it from where it was built; the report says so."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import Hosts
from tests.stories.project import Project, sample
from tests.stories.shop import QUICK

pytestmark = pytest.mark.hosts

LARGE_BYTES = 3_000_000
PARCELS = ".shipway/apps/shop-live/parcels"


MEMBERS = ("a", "b")
BUILD = """
[build]
on = "deploy@{address}"
run = ["head -c 3000000 /dev/urandom > built.bin"]
outputs = ["built.bin"]

"""


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """The third is no member: it builds."""
    with Hosts(3) as hosts:
        yield hosts


@pytest.fixture
def project(tmp_path: Path, hosts: Hosts) -> Project:
    repository = sample(tmp_path / "shop", environment("live", hosts), versions={"v1": {}})
    (repository.directory / "large.bin").write_bytes(random.Random(1).randbytes(LARGE_BYTES))
    repository.git("add", "large.bin")
    repository.git("commit", "--quiet", "--message", "what is large")
    repository.git("tag", "large")
    return Project(repository, "live", hosts.env)


def environment(name: str, hosts: Hosts, port: int = 8080) -> str:
    lines = "\n".join(
        f'  {{ name = "{member}", address = "deploy@{hosts.address(member)}", listen = "127.0.0.1:{port}" }},' for member in MEMBERS
    )
    return f"[environment.{name}]\n{QUICK}\nhosts = [\n{lines}\n]\n"


def test_what_one_host_has_the_others_get_from_it(project: Project, hosts: Hosts) -> None:
    said = project.deploy("large")
    shipped = {name: host["shipped"] for name, host in project.report()["hosts"].items()}
    assert set(shipped) == set(MEMBERS)
    for name, one in shipped.items():
        assert one["bytes"] > LARGE_BYTES
        assert set(one["peers"]) <= set(MEMBERS) - {name}
    passed_on = sum(sum(one["peers"].values()) for one in shipped.values())
    assert passed_on > LARGE_BYTES / 2
    assert project.report()["bytes_moved"]["between_hosts"] == passed_on
    assert "passed on between hosts" in said.text
    assert all(not hosts.path(name, f"/home/deploy/{PARCELS}").exists() for name in hosts.names), "what was passed on is not kept twice"


def test_what_was_built_elsewhere_comes_from_there(tmp_path: Path, hosts: Hosts) -> None:
    settings = BUILD.format(address=hosts.address("c")) + environment("built", hosts, 8090)
    project = Project(
        sample(tmp_path / "shop", settings, versions={"v1": {}}), "built", {**hosts.env, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    )
    project.deploy("v1")
    report = project.report()
    given = {name: host["shipped"]["peers"].get("build-host", 0) for name, host in report["hosts"].items()}
    assert sum(given.values()) > 3_000_000, "each byte of it once at least"
    assert report["bytes_moved"]["between_hosts"] >= sum(given.values())
    left = hosts.run("c", ["sh", "-c", "ls -A ~/.shipway/builds/shop/parcels || ss -Hltn"], check=False).stdout.decode().splitlines()
    assert all(line.split()[3].endswith(":22") for line in left), "nothing of it is left there, and nothing listens"
