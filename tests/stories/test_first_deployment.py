"""From a bare Debian to an application that survives a reboot, with nothing but the steps of README: how many commands, how many seconds.

The server is as its owner rents it: minbase with systemd and sshd, root logs in with a key, no python3, no other user. What stands in for
the internet is a server of packages for its apt.
"""

from __future__ import annotations

import re
import shlex
import time
import urllib.request
from pathlib import Path

import pytest

from tests.apps import Repository
from tests.hosts import Hosts, bare, systemd
from tests.stories.project import Project, eventually
from tests.stories.test_readme import README, step

MOST_COMMANDS = 5

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    reason = systemd.why_not() or bare.why_not()
    if reason:
        pytest.skip(reason)
    bare.bare()


def test_the_steps_of_readme_take_an_application_live_on_a_bare_server(place: Path) -> None:
    repository = Repository(place / "shop")
    repository.write("Procfile", "web: python3 -m http.server $PORT --bind 127.0.0.1\n")
    repository.write("hello.txt", "hello\n")
    repository.commit("An application that knows nothing of Shipway")
    with Hosts(1, bare=True) as hosts:
        alias = hosts.address("a")
        config = hosts.ssh_config.read_text().replace("Host ", "Host 10.0.0.1 ", 1)
        hosts.ssh_config.write_text(f"Host 10.0.0.1\n    HostName {alias}\n    HostKeyAlias {alias}\n{config}")
        project = Project(repository, "production", hosts.env)
        commit = re.search(r"Commit it: `(git add [^`]*)`", README)
        assert commit is not None
        began, commands = time.monotonic(), 1  # the first step installs Shipway
        for command in (step("init"), commit[1], step("setup"), step("deploy")):
            commands += 1
            if command.startswith("git"):
                for part in command.split(" && "):
                    repository.git(*shlex.split(part)[1:])
            else:
                said = project.run(*shlex.split(command)[1:])
                print(said.text)
        seconds = time.monotonic() - began
        assert page(alias) == "hello\n"
        print(f"{commands} commands, {seconds:.1f} s from a bare server to an application that answers")
        assert commands <= MOST_COMMANDS
        assert set(owners(hosts)) == {"deploy"}, "nothing of the application runs as root"

        again = project.run("setup", "production", "--json")
        assert again.verdict["verdict"] == "unchanged", again.text
        states = {one["thing"]: one["state"] for one in again.verdict["data"]["hosts"]["10.0.0.1"]}
        assert set(states.values()) == {"there"}, again.text

        hosts.reboot("a")
        eventually(lambda: page(alias) == "hello\n", "the application is back by itself after a reboot", 60)
        assert project.calm()["agrees"] is True


def owners(hosts: Hosts) -> list[str]:
    said = hosts.run("a", ["ps", "-eo", "user,args"], user="root").stdout.decode().splitlines()
    return [line.split()[0] for line in said if ".shipway/apps" in line or ".shipway/proxy" in line or "http.server" in line]


def page(address: str) -> str:
    """What a visitor is shown, "" while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{address}:8080/hello.txt", timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
