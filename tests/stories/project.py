"""A repository in, a project whose `shipway` a test can run out: real command line, real exit codes, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.apps import Repository
from tests.hosts.sessions import words_of

ROOT = Path(__file__).parents[2]
SHIPWAY = Path(sys.executable).with_name("shipway")
SAMPLE = ROOT / "demo/shop/app.py"
LIMIT_SECONDS = 120.0

BYTECODE = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(ROOT / ".venv/bytecode")}
"""An installation has its bytecode, also where whoever runs the tests wants none in the sources."""


@dataclass(frozen=True)
class Said:
    """How a command ended: its exit code, everything it printed, and how long it took."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str
    seconds: float

    @property
    def text(self) -> str:
        return f"$ shipway {' '.join(self.words)}  → {self.code}\n{self.out}{self.err}"

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON objects of `--json`, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def verdict(self) -> dict[str, Any]:
        """The last line of `--json`."""
        return self.lines[-1]


class Project:
    """`environment` names the one that commands mean; `env` is added to theirs (SHIPWAY_SSH_CONFIG)."""

    def __init__(self, repository: Repository, environment: str, env: Mapping[str, str] | None = None) -> None:
        self.repository = repository
        self.directory = repository.directory
        self.environment = environment
        self.env = dict(env or {})

    def run(
        self,
        *words: str,
        code: int | None = 0,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> Said:
        """Runs `shipway WORDS`. With `code`, another exit code fails the test with everything that was printed."""
        began = time.monotonic()
        process = self.start(*words, cwd=cwd, env=env)
        try:
            out, err = process.communicate(timeout=limit_seconds)
        except BaseException:
            process.kill()
            out, err = process.communicate()
            print(out, err)
            raise
        said = Said(words, process.returncode, out, err, time.monotonic() - began)
        assert code is None or said.code == code, said.text
        assert "Traceback (most recent call last)" not in said.text, said.text
        return said

    def start(
        self, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdout: int = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """The same without waiting, for those who interrupt or kill it."""
        environment = {**os.environ, **BYTECODE, **self.env, **(env or {}), "NO_COLOR": "1", "COLUMNS": "160"}
        return subprocess.Popen(
            [SHIPWAY, *words],
            cwd=cwd or self.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )

    def deploy(self, ref: str, *, code: int | None = 0) -> Said:
        return self.run("deploy", self.environment, "--ref", ref, code=code)

    def rollback(self, *target: str, code: int = 0) -> Said:
        return self.run("rollback", self.environment, *target, code=code)

    def status(self, code: int = 0) -> dict[str, Any]:
        """The one object of `status --json`."""
        said = self.run("status", self.environment, "--json", code=code)
        assert len(said.lines) == 1, said.text
        return said.lines[0]

    def calm(self) -> dict[str, Any]:
        """The status once nothing is on its way any more: every host as recorded, what had to end ended."""
        eventually(lambda: self.run("status", self.environment, "--json", code=None).code == 0, "every host is as recorded", 60.0)
        return self.status()

    def serving(self) -> str:
        """The version label every host agrees on; fails the test where they do not agree."""
        status = self.status()
        assert status["agrees"], status
        versions = {host["commit"] for host in status["hosts"]}
        assert len(versions) == 1, status
        return self.repository.git("describe", "--tags", "--exact-match", versions.pop())

    def report(self) -> dict[str, Any]:
        """The newest report of `.shipway/reports`."""
        newest = max((self.directory / ".shipway/reports").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        report: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
        return report

    def reports(self) -> list[Path]:
        return sorted((self.directory / ".shipway/reports").glob("*.json"))


def phase_of(report: Mapping[str, Any], name: str) -> tuple[float, float]:
    """When the fleet of a report entered a phase and when its last host was through, seconds since the epoch."""
    phase = next(phase for phase in report["phases"] if phase["name"] == name)
    began = datetime.fromisoformat(report["began"]).timestamp() + float(phase["began_seconds"])
    return began, began + float(phase["seconds"])


def sample(directory: Path, settings: str = "", *, versions: Mapping[str, Mapping[str, Any]], run: str = "{python} app.py") -> Repository:
    """A repository with the sample application: a commit and a tag for each of `versions`, whose values say how they behave.

    `settings` is the text of shipway.toml beneath `app` and the process, and may begin with more keys of the process; `run` is its
    command; HEAD is the last version.
    """
    repository = Repository(directory)
    repository.write("app.py", SAMPLE.read_text(encoding="utf-8"))
    python = sys.executable if settings_are_local(settings) else "python3"
    repository.write("shipway.toml", SETTINGS.format(run=run.format(python=python)) + settings)
    for tag, behaviour in versions.items():
        repository.write("VERSION", f"{tag.removeprefix('v')}\n")
        repository.write("behaviour.json", json.dumps(behaviour) + "\n")
        repository.commit(f"Version {tag}", tag)
    return repository


FOUR: Mapping[str, Mapping[str, Any]] = {"v1": {}, "v2": {}, "v3": {"start": "never"}, "v4": {"sick_after_seconds": 1.0}}
"""The four versions of every story: good, good, one that cannot start, one that turns sick once visitors came."""

SETTINGS = """\
app = "shop"
shared = ["media"]

[process.web]
run = "{run}"
health = {{ path = "/up", contains = "ok", within_seconds = 30 }}
drain_seconds = 15
"""


def settings_are_local(settings: str) -> bool:
    return 'address = "local"' in settings


def local(directory: Path, names: Sequence[str] = ("a",), *, more: str = "watch_seconds = 2") -> tuple[str, dict[str, str]]:
    """The text of an environment `local` with a host for each name, and their front doors. Roots lie in `directory`."""
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    hosts = [
        f'  {{ name = "{name}", address = "local", root = "{directory / name}", listen = "127.0.0.1:{port}" }},'
        for name, port in ports.items()
    ]
    text = "[environment.local]\n" + more + "\nhosts = [\n" + "\n".join(hosts) + "\n]\n"
    return text, {name: f"127.0.0.1:{port}" for name, port in ports.items()}


def free_ports(count: int) -> list[int]:
    """Ports that were free just now, all different."""
    listeners = [socket.socket() for _ in range(count)]
    try:
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


def eventually(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Returns once `condition` holds; fails the test, naming `what`, when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never happened within {seconds:g} s: {what}"
        time.sleep(0.05)


def processes_of(directory: Path) -> Iterator[int]:
    """Whoever runs below `directory` or names it in the command line; this process and its parents excepted."""
    place = os.fsencode(directory)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int(entry.name) == os.getpid() or entry.joinpath("exe").readlink().name.startswith("pytest"):
                continue
            if place in b"\0".join(words_of(int(entry.name))) or os.fsencode(entry.joinpath("cwd").readlink()).startswith(place):
                yield int(entry.name)
        except OSError:
            continue  # it has ended


def end_all(directory: Path) -> None:
    """What a story left running below `directory` ends, by pid; daemons restart what they own, so they go in the same sweep."""
    deadline = time.monotonic() + 20
    while (pids := list(processes_of(directory))) and time.monotonic() < deadline:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
    assert not list(processes_of(directory)), "processes of the story do not end"
