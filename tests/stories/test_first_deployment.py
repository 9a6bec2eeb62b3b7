"""From a bare Debian to an application that survives a reboot, with nothing but the steps of README: how many commands, how many seconds.

The server is as its owner rents it: minbase with systemd and sshd, root logs in with a key, no python3, no other user. What stands in for
the internet is a server of packages for its apt. Then, on the same server, what systemd does for an application and what it keeps from it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.apps import Repository
from tests.docs.page import DOCS, Shell
from tests.hosts import Hosts, bare, systemd
from tests.stories.project import SHIPWAY, Project, eventually
from tests.stories.test_readme import README, step

MOST_COMMANDS = 5
UNIT = "shipway-shop-production.service"

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(600)]


@dataclass
class Server:
    """`commands` and `seconds` are what README's steps took, from a bare machine to an application that answers."""

    hosts: Hosts
    project: Project
    commands: int = 1  # the first step installs Shipway
    seconds: float = 0.0

    @property
    def address(self) -> str:
        return self.hosts.address("a")

    def page(self) -> str:
        """What a visitor is shown, "" while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.address}:8080/hello.txt", timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def status(self) -> int:
        """Of the answer that a visitor gets, 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.address}:8080/hello.txt", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def ours(self) -> dict[int, str]:
        """What stays between deployments, of ours and of the application: this machine's pids and the command lines."""
        words = ("supervise --root", "/.shipway/proxy/releases/", "http.server", "sleep 86400")
        return {pid: command for pid, command in self.hosts.pids("a").items() if any(word in command for word in words)}

    def ssh(self, command: str) -> str:
        """What a command says that `deploy` types there."""
        argv = ["ssh", "-F", str(self.hosts.ssh_config), "-o", "BatchMode=yes", "deploy@10.0.0.1", command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout


@pytest.fixture(scope="module")
def server(common_place: Path) -> Iterator[Server]:
    reason = systemd.why_not() or bare.why_not()
    if reason:
        pytest.skip(reason)
    try:
        bare.bare()
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"no bare Debian can be made here: {error}")
    repository = Repository(common_place / "shop")
    repository.write("Procfile", "web: python3 -m http.server $PORT --bind 127.0.0.1\nworker: sleep 86400\n")
    repository.write("hello.txt", "hello\n")
    repository.commit("An application that knows nothing of Shipway")
    with Hosts(1, bare=True) as hosts:
        alias = hosts.address("a")
        config = hosts.ssh_config.read_text().replace("Host ", "Host 10.0.0.1 ", 1)
        hosts.ssh_config.write_text(f"Host 10.0.0.1\n    HostName {alias}\n    HostKeyAlias {alias}\n{config}")
        server = Server(hosts, Project(repository, "production", hosts.env))
        follow_readme(server)
        yield server


def follow_readme(server: Server) -> None:
    commit = re.search(r"Commit it: `(git add [^`]*)`", README)
    assert commit is not None
    began = time.monotonic()
    for command in (step("init"), commit[1], step("setup"), step("deploy")):
        server.commands += 1
        if command.startswith("git"):
            for part in command.split(" && "):
                server.project.repository.git(*shlex.split(part)[1:])
        else:
            print(server.project.run(*shlex.split(command)[1:], limit_seconds=300).text)
    server.seconds = time.monotonic() - began


def test_the_steps_of_readme_take_an_application_live_on_a_bare_server(server: Server) -> None:
    print(f"{server.commands} commands, {server.seconds:.1f} s from a bare server to an application that answers")
    assert server.page() == "hello\n"
    assert server.commands <= MOST_COMMANDS
    said = server.hosts.run("a", ["ps", "-eo", "user,args"], user="root").stdout.decode().splitlines()
    owners = {line.split()[0] for line in said if ".shipway/" in line or "http.server" in line}
    assert owners == {"deploy"}, "nothing of the application runs as root"


def test_setup_finds_everything_as_it_made_it_and_says_what_its_page_shows(server: Server) -> None:
    page = (DOCS / "setup.md").read_text(encoding="utf-8").split("**Twice is once.**", 1)[0]
    with Shell(server.project.directory, shell_environment(server.project)) as shell:
        assert len(shell.live(page)) == 2


def shell_environment(project: Project) -> dict[str, str]:
    """Of somebody who types in a project, with `shipway` on the PATH."""
    return {**os.environ, **project.env, "PATH": f"{SHIPWAY.parent}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "160"}


def test_the_supervisor_and_what_it_starts_are_the_units_with_its_limits(server: Server) -> None:
    assert server.ssh(f"systemctl --user is-active {UNIT}; systemctl --user is-enabled {UNIT}").split() == ["active", "enabled"]
    names = {"http.server", "sleep 86400", "supervise --root /home/deploy/.shipway/apps"}
    mine = {pid: command for pid, command in server.ours().items() if any(name in command for name in names)}
    assert {name for name in names if any(name in command for command in mine.values())} == names
    for pid, command in mine.items():
        assert f"/{UNIT}" in Path(f"/proc/{pid}/cgroup").read_text(), f"{command} is of a login, and may end with it"
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        assert status["NoNewPrivs"] == "1", command
        limit = re.search(r"^Max open files\s+(\d+)\s+(\d+)", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
        assert limit is not None and int(limit[1]) == min(65536, int(limit[2])), "the soft one; a lower hard one of the machine counts"


def test_the_journal_has_a_copy_of_what_processes_write(server: Server) -> None:
    server.page()
    eventually(lambda: "GET /hello.txt" in journal(server), "the line of a request is in the journal")
    log = server.project.run("logs", "production", "--process", "web").out
    assert "GET /hello.txt" in log, "the file is the truth"


def journal(server: Server) -> str:
    return server.ssh("journalctl --user -t shop.web -o cat")


def test_a_crash_loop_is_ours_to_slow_down_and_is_told(server: Server) -> None:
    """systemd sees one supervisor that lives; what dies again and again below it is tried less and less, and the rest serves on."""
    repository = server.project.repository
    settings = (repository.directory / "shipway.toml").read_text()
    settings = settings.replace("[environment.production]\n", "[environment.production]\nwatch_seconds = 1\n")
    loops = "until test -e $HOME/loop; do sleep 0.1; done; exit 3"
    repository.write("shipway.toml", f'{settings}\n[process.loops]\nrun = "{loops}"\n')
    repository.commit("A process that will not stay up")
    server.project.run("deploy", "production")
    supervisor = server.ssh(f"systemctl --user show --property MainPID --property NRestarts {UNIT}")
    server.ssh("touch loop")
    said = ""

    def told() -> bool:
        nonlocal said
        said = server.project.run("doctor", "production", code=None).text
        return "is crashed" in said

    eventually(told, "the crash loop is found", 60)
    assert re.search(r"loops.*is crashed \(exit 3\); it is tried again once a minute", said), said
    assert server.ssh(f"systemctl --user show --property MainPID --property NRestarts {UNIT}") == supervisor
    assert server.page() == "hello\n"
    repository.write("shipway.toml", settings)
    repository.commit("Without it")


def test_a_reboot_brings_back_what_served_and_nothing_that_was_retired(server: Server) -> None:
    repository = server.project.repository
    settings = (repository.directory / "shipway.toml").read_text()
    repository.write("shipway.toml", re.sub(r"\[process\.worker\]\n(?:(?!\[).*\n)*", "", settings))
    repository.write("hello.txt", "hello again\n")
    repository.commit("Without a worker")
    old = set(server.ours())
    server.project.run("deploy", "production")
    before = settled(server, old)
    server.hosts.reboot("a")
    eventually(lambda: server.page() == "hello again\n", "the application is back by itself", 60)
    eventually(lambda: sorted(words(command) for command in server.ours().values()) == before, "exactly what ran before runs", 60)
    assert server.project.calm()["agrees"] is True


def settled(server: Server, old: set[int]) -> list[str]:
    """What runs once the worker has retired and no server but one of the new release is left."""
    deadline = time.monotonic() + 60
    while True:
        ours = server.ours()
        servers = [pid for pid, command in ours.items() if command.startswith("python3 -m http.server")]
        if len(servers) == 1 and servers[0] not in old and not any("sleep 86400" in command for command in ours.values()):
            return sorted(words(command) for command in ours.values())
        assert time.monotonic() < deadline, f"what was replaced does not end: {ours}"
        time.sleep(0.1)


def words(command: str) -> str:
    """A command line without what is another one at each start: its port."""
    return re.sub(r"http\.server \d+", "http.server PORT", command)


def test_what_was_stopped_stays_so_over_a_reboot_and_start_brings_it_back(server: Server) -> None:
    server.project.run("stop", "production")
    server.hosts.reboot("a")
    eventually(lambda: server.status() == 503, "its proxy is back, with the page of what is stopped", 60)
    eventually(lambda: any("supervise --root" in command for command in server.ours().values()), "its supervisor is back", 60)
    said = server.project.run("status", "production").text
    assert "stopped since" in said, said
    assert not [command for command in server.ours().values() if "http.server" in command], "nothing of the application runs"
    server.project.run("start", "production")
    assert server.page() == "hello again\n"


def test_what_was_removed_stays_away(server: Server) -> None:
    server.project.run("remove", "production", "--yes")
    server.hosts.reboot("a")
    assert server.ssh(f"systemctl --user is-enabled {UNIT}").strip() in ("", "not-found")
    eventually(lambda: "active" in server.ssh("systemctl --user is-active default.target"), "its own systemd has started all there is")
    assert server.ours() == {}
    assert server.page() == ""
