"""Nothing in; a git repository with four versions, three local hosts, and a way to run Shipway on them out. It leaves nothing behind."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

SHOP = Path(__file__).with_name("shop")
SHIPWAY = Path(sys.executable).with_name("shipway")
DEMO = Path(__file__).parents[1] / "bin/demo"
PREFIX = "shipway-demo-"
HOSTS = ("a", "b", "c")
ENVIRONMENT = "local"

CONFIGURATION = """\
app = "demo"

[process.web]
run = "{python} app.py"
health = {{ path = "/up", contains = "ok", within_seconds = 20 }}
drain_seconds = 10

[environment.{environment}]
watch_seconds = 2
hosts = [
{hosts}
]
"""

BEHAVIOURS = {
    "v1": {},
    "v2": {},
    "v3": {"start": "never"},
    "v4": {"sick_after_seconds": 0.7},
}
GIT_IDENTITY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


class Stage:
    """Everything lies in `directory`: `shop`, the repository, and a root for each host."""

    def __init__(self, directory: Path) -> None:
        """The stage that stands in `directory`, as `new` made it."""
        self.directory = directory
        self.project = directory / "shop"
        self.ports: dict[str, int] = {}

    @classmethod
    def new(cls) -> Stage:
        """A stage in a directory of its own, with ports that are free."""
        stage = cls(Path(tempfile.mkdtemp(prefix=PREFIX)))
        stage.ports = dict(zip(HOSTS, _free_ports(len(HOSTS)), strict=True))
        stage._write_repository()
        return stage

    @classmethod
    def kept(cls, directory: Path) -> Stage | None:
        """The stage that `--keep` left in `directory`; None where there is none."""
        found = directory.resolve()
        return cls(found) if found.name.startswith(PREFIX) and found.is_dir() else None

    @property
    def addresses(self) -> list[str]:
        """The three front doors, HOST:PORT."""
        return [f"127.0.0.1:{port}" for port in self.ports.values()]

    def run(self, *words: str, show: Callable[[str], None]) -> tuple[int, float]:
        """Runs `shipway WORDS` in the project; each line goes to `show` as it comes. Answers exit code and seconds."""
        began = time.monotonic()
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "110"}
        with subprocess.Popen(
            [SHIPWAY, *words], cwd=self.project, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    show(line.decode(errors="replace").rstrip())
            except BaseException:
                process.send_signal(signal.SIGINT)  # it undoes what it began
                process.wait(30)
                raise
        return process.returncode, time.monotonic() - began

    def report(self) -> dict[str, Any]:
        """The report of the last attempt."""
        newest = max((self.project / ".shipway/reports").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        report: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
        return report

    def farewell(self) -> str:
        """Where it runs, and how to end it."""
        doors = "\n".join(f"  http://{address}" for address in self.addresses)
        return (
            f"\nIt goes on running. Open:\n{doors}\nTry: cd {self.project} && {SHIPWAY} status {ENVIRONMENT}\n"
            f"End: {DEMO} --end {self.directory}"
        )

    def end(self) -> None:
        """The application is removed from its hosts; what is left all the same ends by its pid, and the directory goes."""
        if self.project.exists() and any((self.directory / host).exists() for host in HOSTS):
            self.run("remove", ENVIRONMENT, "--yes", show=lambda line: None)
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + 5
            while (pids := list(self._processes())) and time.monotonic() < deadline:
                for pid in pids:
                    _send(pid, number)
                time.sleep(0.1)
        _make_writable(self.directory)
        shutil.rmtree(self.directory)

    def _processes(self) -> Iterator[int]:
        """Whoever runs in a host's root, or was started with it in the command line; never a shell that stands in the project."""
        roots = tuple(os.fsencode(self.directory / host) + b"/" for host in HOSTS)
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b"/\0")
                if any(root in command for root in roots) or os.fsencode((entry / "cwd").readlink()).startswith(roots):
                    yield int(entry.name)
            except OSError:
                continue  # it has ended, or is another user's

    def _write_repository(self) -> None:
        self.project.mkdir()
        hosts = "\n".join(
            f'    {{ name = "{name}", address = "local", root = "{self.directory / name}", listen = "127.0.0.1:{port}" }},'
            for name, port in self.ports.items()
        )
        (self.project / "shipway.toml").write_text(
            CONFIGURATION.format(environment=ENVIRONMENT, hosts=hosts, python=shlex.quote(sys.executable))
        )
        shutil.copy(SHOP / "app.py", self.project)
        self._git("init", "--quiet", "--initial-branch=main")
        for tag, behaviour in BEHAVIOURS.items():
            (self.project / "VERSION").write_text(f"{tag[1:]}\n")
            (self.project / "behaviour.json").write_text(json.dumps(behaviour) + "\n")
            self._git("add", "--all")
            self._git("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "commit", "--quiet", "--message", f"Version {tag[1:]}")
            self._git("tag", tag)

    def _git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.project, env={**os.environ, **GIT_IDENTITY}, check=True)


def _free_ports(count: int) -> list[int]:
    """Ports that were free just now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for listener in sockets:
        listener.bind(("127.0.0.1", 0))
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        with closing(listener):
            pass
    return ports


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has ended meanwhile


def _make_writable(directory: Path) -> None:
    """Trees of releases are read-only, which keeps rmtree out unless we are root."""
    for path, _, _ in os.walk(directory):
        os.chmod(path, 0o700)  # noqa: PTH101 -- os.walk gives texts
