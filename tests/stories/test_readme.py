"""The README as a new user reads it: its file is written as it stands there, its commands are typed as they stand there.

Only four things differ: 10.0.0.1 is a test host (ssh_config says where), `v1.4` is a tag that the story makes first, and from there on
nobody watches each release for five seconds, and there is data to lose.
"""

from __future__ import annotations

import re
import shlex
import signal
import tomllib
from pathlib import Path

import pytest

from tests.apps import Repository
from tests.hosts import Hosts
from tests.stories.project import ROOT, Project
from tests.stories.shop import Shop

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_two_commands_are_there() -> None:
    block = README.split("```sh\n", 1)[1].split("```", 1)[0]
    commands = [line.split("#")[0].split() for line in block.splitlines() if line.startswith("bin/")]
    assert [words[0] for words in commands] == ["bin/demo", "bin/test"]
    assert all((ROOT / words[0]).stat().st_mode & 0o111 for words in commands)


def test_every_page_that_it_names_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.hosts
@pytest.mark.timeout(300)
def test_the_first_real_deployment_and_every_command_after_it(place: Path) -> None:
    text = README.split("```toml\n", 1)[1].split("```", 1)[0]
    settings = "\n".join(line.removeprefix("   ") for line in text.splitlines()) + "\n"
    assert tomllib.loads(settings)["environment"]["production"]["hosts"] == ["deploy@10.0.0.1"]
    repository = Repository(place / "shop")
    repository.write("index.html", "<p>first\n")
    repository.commit("An application that knows nothing of Shipway")
    repository.write("shipway.toml", settings)
    with Hosts(1) as hosts:
        config = hosts.ssh_config.read_text().replace("Host ", "Host 10.0.0.1 ", 1)
        alias = hosts.address("a")
        hosts.ssh_config.write_text(f"Host 10.0.0.1\n    HostName {alias}\n    HostKeyAlias {alias}\n{config}")
        project = Project(repository, "production", hosts.env)
        committed = re.search(r"Commit it: `(git add [^`]*)`", README)
        assert committed is not None
        for command in committed[1].split(" && "):
            repository.git(*shlex.split(command)[1:])
        project.run(*shlex.split(step("deploy"))[1:])
        assert "first" in front_page(hosts)
        repository.write("index.html", "<p>second\n")
        quick = settings.replace("[environment.production]\n", "[environment.production]\nwatch_seconds = 1\n")
        kept = tomllib.loads(settings)["shared"][0]
        repository.write("shipway.toml", f'{quick}\n[data.uploads]\ndriver = "files"\npath = "{kept}"\n')
        repository.commit("Second", "v1.4")
        table = README.split("| you type | and get |", 1)[1].split("\n\n", 1)[0]
        typed = [command for row in table.splitlines() for command in re.findall(r"`(shipway [^`]*)`", row)]
        assert len(typed) > 10
        for command in typed:
            if "--follow" in command:
                reads_a_line_and_leaves(project, *shlex.split(command)[1:])
                continue
            expected = 1 if "verify" in command else 0  # the rollback two lines before took v1.4 back
            project.run(*shlex.split(command)[1:], code=expected)
            if command.startswith("shipway deploy"):
                assert "second" in front_page(hosts)
            if command.startswith("shipway rollback"):
                assert "first" in front_page(hosts)


def step(command: str) -> str:
    """What the first deployment types. `init` and `setup` are typed where they are needed: test_first_deployment.py."""
    found = re.search(rf"^\d\. .*?: `(shipway {command}[^`]*)`", README, re.MULTILINE)
    assert found is not None, f"README has no step with shipway {command}"
    return found[1]


def reads_a_line_and_leaves(project: Project, *words: str) -> None:
    child = project.start(*words)
    try:
        assert child.stdout is not None
        assert " web.1 | " in child.stdout.readline()
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=60)[1] == ""
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 0


def front_page(hosts: Hosts) -> str:
    ask = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8080/', timeout=10).read().decode())"
    return hosts.run("a", ["python3", "-c", ask]).stdout.decode()


def test_every_command_for_what_breaks(place: Path) -> None:
    """Typed one after the other, on hosts of this machine. With a lead and a member that are gone: test_lost.py, test_members.py."""
    table = README.split("| what happened | what to type |", 1)[1].split("\n\n", 1)[0]
    typed = re.findall(r"`(shipway [^`]*)`", table.replace("production", "local"))
    assert len(typed) == 7
    shop = Shop(place, ("a", "b"))
    shop.project.deploy("v1")
    for command in typed:
        said = shop.project.run(*shlex.split(command)[1:], code=4 if command == "shipway deploy local --without b" else 0)
        if "--without" in command:
            assert (shop.about("a")["version"], shop.about("b")["version"]) == ("5", "1"), said.text
    assert shop.version() == "1", "rolled back, and the host that had left is in again, for shipway.toml names it still"
