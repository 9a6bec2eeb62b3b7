"""The pages of docs/ as somebody reads them who does what they say: every file written, every command typed, what they show compared."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.shop import free_port
from tests.apps import Repository
from tests.docs.page import DOCS, FIRST_PORT, Shell, commands
from tests.hosts import Hosts
from tests.stories.project import SAMPLE
from tests.stories.shop import Shop

LOCAL = (
    *("tutorial.md", "howto/static.md", "howto/node.md", "howto/django.md", "howto/fastapi.md"),
    *("howto/data.md", "howto/migrations.md", "howto/revert.md"),
)
HOSTS = ("howto/hosts.md", "howto/staging.md")
FROM = ("howto/from-heroku.md", "howto/from-capistrano.md", "howto/from-kamal.md")


def person(place: Path, **more: str) -> dict[str, str]:
    """The environment of somebody who has git, Python and shipway, and a home of their own."""
    home = place / "home"
    home.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_CERT_FILE")}
    env = {**kept, "PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "COLUMNS": "160", **more}
    for key, value in {"user.name": "Ann", "user.email": "ann@example.org", "init.defaultBranch": "main"}.items():
        subprocess.run(["git", "config", "--global", key, value], env=env, check=True)
    return env


def live(name: str, place: Path, **more: str) -> list[str]:
    """Do in `place`, with a port of its own, what the page says; answers what was printed, command by command."""
    env = person(place, **more)
    here = place / "here"
    here.mkdir(exist_ok=True)
    with Shell(here, env, {FIRST_PORT: str(free_port())}) as shell:
        return shell.live((DOCS / name).read_text(encoding="utf-8"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", LOCAL)
def test_a_page_about_this_machine(name: str, place: Path) -> None:
    assert live(name, place)


def test_the_page_of_init(place: Path) -> None:
    """In a repository that is there already: a site, which goes live below a home of its own if at all."""
    repository = Repository(place / "here")
    repository.write("index.html", "<p>hello\n")
    repository.commit("A site that knows nothing of Shipway")
    assert live("init.md", place)


@pytest.mark.hosts
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", HOSTS)
def test_a_page_about_servers(name: str, place: Path) -> None:
    """10.0.0.1 and 10.0.0.2 are test hosts: ssh_config says where. The application is one that is there already."""
    repository = Repository(place / "here")
    repository.write("app.py", SAMPLE.read_text(encoding="utf-8"))
    repository.write("VERSION", "1\n")
    repository.write("behaviour.json", "{}\n")
    repository.commit("An application that knows nothing of Shipway")
    with Hosts(2) as hosts:
        config = hosts.ssh_config.read_text().replace("Host ", "Host 10.0.0.1 10.0.0.2 ", 1)
        found = [(f"10.0.0.{number}", hosts.address(host)) for number, host in enumerate(("a", "b"), 1)]
        aliases = "".join(f"Host {said}\n    HostName {real}\n    HostKeyAlias {real}\n" for said, real in found)
        hosts.ssh_config.write_text(aliases + config)
        assert live(name, place, **hosts.env)


def test_every_command_for_those_who_come_from_elsewhere(place: Path) -> None:
    """Typed one after the other, each once, on a host of this machine: what waits for input gets none, and says so.

    All but `setup`, which needs a machine of its own: tests/stories/test_first_deployment.py.
    """
    typed = dict.fromkeys(command for name in FROM for command in commands((DOCS / name).read_text(encoding="utf-8")))
    assert len(typed) >= 18
    last = "shipway remove production --yes"
    typed.pop("shipway setup production")
    shop = Shop(place)
    shop.project.deploy("v1")
    for command in [*(one for one in typed if one != last), last]:
        words = ["local" if word == "production" else word for word in shlex.split(command)[1:]]
        shop.project.run(*words, code=2 if "secrets" in words else 0)


ORDERS = (
    *("restart production", "restart production --process worker --host b", "scale production web=4 worker=2", "scale production web=file"),
    *("stop production", "start production", "stop production --process worker"),
    *('maintenance on production --message "Back at nine"', "maintenance production", "maintenance off production"),
    "maintenance on production --hold --hold-seconds 60",
)
"""The table of howto/daily.md, each behind what it needs."""

DAILY = """
[process.worker]
run = "sleep 86400"
drain_seconds = 1

"""


@pytest.mark.timeout(300)
def test_every_order_of_the_daily_page(place: Path) -> None:
    page = (DOCS / "howto/daily.md").read_text(encoding="utf-8").split("| you type | and get |", 1)[1].split("\n\n", 1)[0]
    assert set(commands(page)) == {f"shipway {order}" for order in ORDERS}
    shop = Shop(place, ("a", "b"), settings=DAILY, more="watch_seconds = 0")
    shop.project.deploy("v5")
    for order in ORDERS:
        shop.project.run(*shlex.split(order.replace("production", "local")))
