"""A fleet that serves and a fault in; the same proof after every fault out: served all along, nothing left or locked, and the way on."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.apps import Repository
from tests.hosts.sessions import words_of
from tests.stories.project import Project, Said

COMMAND = re.compile(r"shipway (?!host )[a-z]+(?: (?:--ref \S+?|--yes|@[a-z]+|v?[0-9][\w-]*|local|live))*(?=$|[\s;,.])")
"""What a person would type of a hint."""

PAUSE_SECONDS = 0.1
"""Between two visits of one door."""

POLL_SECONDS = 0.1
BOUND_SECONDS = 40.0


@dataclass
class Standing:
    """What served when the fault came: the version, and the processes of all hosts by their marker.

    `also` are other answers that visitors may get, such as those of a release that was live until it turned sick.
    """

    version: str
    instances: frozenset[str]
    answers: list[str] = field(default_factory=list)
    also: set[str] = field(default_factory=set)


class Author:
    """Commits versions of the sample application, each the next number; every commit is good but for what is said."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.settings = (repository.directory / "shipway.toml").read_text(encoding="utf-8")
        self._number = 100

    def commit(self, settings: str | None = None, **behaviour: object) -> str:
        """Answers the version. `settings` replaces the text of shipway.toml in this commit."""
        self._number += 1
        self.repository.write("VERSION", f"{self._number}\n")
        self.repository.write("behaviour.json", json.dumps(behaviour) + "\n")
        self.repository.write("shipway.toml", settings if settings is not None else self.settings)
        self.repository.commit(f"Version {self._number}", f"v{self._number}")
        return str(self._number)


@dataclass(frozen=True)
class Ground:
    """A fleet that serves. `doors` are HOST:PORT by host, `pids` finds the processes of all hosts as this machine numbers them.

    `read` are commands that only read and have been typed here before: once is enough.
    """

    project: Project
    doors: Mapping[str, str]
    pids: Callable[[], Iterable[int]]
    author: Author
    lease_seconds: float = 3.0
    read: set[tuple[str, ...]] = field(default_factory=set)

    def fails(self, *words: str, code: int, names: Iterable[str]) -> Said:
        """Run a command that must fail under the eyes of visitors, and prove what must be true afterwards."""
        with self.visited() as standing:
            said = self.project.run(*words, code=None)
        self.stands(standing, said, code=code, names=names)
        return said

    def mended(self, said: Said) -> list[Said]:
        """The person commits what is right and types what the words say: it is live."""
        return self.goes_on(said, serves=self.author.commit())

    @contextmanager
    def visited(self) -> Iterator[Standing]:
        """Visitors at every door for as long as the block lasts. Each must be served, and by the version that served before."""
        standing = Standing(self._version(), self._settled())
        ended = threading.Event()
        threads = [threading.Thread(target=self._visit, args=(door, standing, ended)) for door in self.doors.values()]
        for thread in threads:
            thread.start()
        try:
            yield standing
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        assert len(standing.answers) > len(threads)
        strange = sorted(set(standing.answers) - standing.also - {f"200 {standing.version}"})
        assert strange == [], f"visitors met {strange} where {standing.version} served"

    def stands(self, standing: Standing, said: Said, *, code: int, names: Iterable[str]) -> None:
        """The words are right, the same processes serve, and of the fault nothing runs any more."""
        assert said.code == code, said.text
        for name in names:
            assert name in said.text, f"{name!r} is not named in:\n{said.text}"
        assert "shipway " in _hint(said), f"no command to type next in:\n{said.text}"
        self.untouched(standing)

    def untouched(self, standing: Standing) -> None:
        """The very processes that served before, and no other: no candidate, no task, no agent of a driver."""
        assert self._version() == standing.version
        deadline = time.monotonic() + BOUND_SECONDS
        while (now := self.look()) != (standing.instances, 0):
            strange = f"more: {sorted(now[0] - standing.instances)}; less: {sorted(standing.instances - now[0])}; drivers' agents: {now[1]}"
            assert time.monotonic() < deadline, f"not what ran before {strange}"
            time.sleep(POLL_SECONDS)

    def goes_on(self, said: Said, *, serves: str | None = None, waits: bool = False) -> list[Said]:
        """Type what the words say. All of it must work, without waiting, or (`waits`) for the lease that a dead driver left."""
        # Where the words only name what takes a host away, the file was mended instead, and what was refused is typed again.
        typed = [command for command in commands_of(said) or [list(said.words)] if tuple(command) not in self.read]
        done = [self.project.run(*command, *self._as_lines(command)) for command in typed]
        self.read.update(one.words for one in done if one.words[0] == "show")
        assert done, said.text
        for one in done:
            self.unlocked(one, waits=waits)
        if serves is not None:
            assert self._version() == serves, "\n".join(one.text for one in done)
        return done

    def unlocked(self, said: Said, *, waits: bool = False) -> None:
        """A command that was run with --json never waited for another's lease; with `waits` never longer than a lease lasts."""
        if "--json" not in said.words:
            return
        since = [line["at"] for line in said.lines if line.get("event") == "waiting" and "lease of" in line["data"]["what"]]
        leased = [line["at"] for line in said.lines if line.get("event") == "leased"]
        assert waits or not since, said.text
        assert not since or leased[-1] - since[0] < self.lease_seconds + 3, said.text

    def look(self) -> tuple[frozenset[str], int]:
        """The markers of everything that an agent started and that runs, and how many agents serve a driver."""
        pids = list(self.pids())
        markers = frozenset(marker for pid in pids if (marker := marker_of(pid)))
        return markers, sum(_serves(pid) for pid in pids)

    def _settled(self) -> frozenset[str]:
        """Wait until what served earlier has drained: one generation of each process."""
        deadline = time.monotonic() + BOUND_SECONDS
        while not _alone(markers := self.look()[0]):
            assert time.monotonic() < deadline, f"old processes do not drain: {sorted(markers)}"
            time.sleep(POLL_SECONDS)
        return markers

    def _version(self) -> str:
        versions = {visit(door) for door in self.doors.values()}
        assert len(versions) == 1, versions
        status, _, version = versions.pop().partition(" ")
        assert status == "200", status
        return version

    def _visit(self, door: str, standing: Standing, ended: threading.Event) -> None:
        while not ended.wait(PAUSE_SECONDS):
            standing.answers.append(visit(door))

    @staticmethod
    def _as_lines(command: list[str]) -> tuple[str, ...]:
        return ("--json",) if command[0] in ("deploy", "prepare", "rollback", "resume", "abort") else ()


def _alone(markers: Iterable[str]) -> bool:
    """Whether every process runs in one generation, and no task at all. Hosts with one root have one digest of it."""
    generations: dict[tuple[str, str], set[str]] = {}
    for marker in markers:
        root, generation, name = marker.split("/")[:3]
        generations.setdefault((root, name), set()).add(generation)
    return all(len(found) == 1 and root != "task" for (root, _), found in generations.items())


def wait_for(driver: subprocess.Popen[str], kind: str, **data: object) -> dict[str, Any]:
    """The first event of that kind and data that a command with --json tells. Fails the test where none came."""
    assert driver.stdout is not None
    seen = []
    for line in driver.stdout:
        event: dict[str, Any] = json.loads(line)
        seen.append(line)
        if event["event"] == kind and data.items() <= event["data"].items():
            return event
    raise AssertionError(f"no event {kind} {data} in:\n{''.join(seen)}")


def visit(door: str) -> str:
    """One visitor who does not try twice: "200 VERSION", or what went wrong."""
    connection = http.client.HTTPConnection(door, timeout=20)
    try:
        connection.request("GET", "/version")
        answer = connection.getresponse()
        answer.read()
        return f"{answer.status} {answer.getheader('X-Version', '')}"
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()


def commands_of(said: Said) -> list[list[str]]:
    """The commands that the words tell to type next, without their first word. What takes a host away is for a person to decide."""
    return [shlex.split(found)[1:] for found in COMMAND.findall(_hint(said))]


def _hint(said: Said) -> str:
    return str(said.verdict["hint"]) if "--json" in said.words else "".join(re.findall("^  next: (.*)$", said.text, re.M))


def marker_of(pid: int) -> str:
    """What an agent wrote into the environment of a process that it started; "" for others."""
    found = re.search(rb"(?:^|\0)SHIPWAY_INSTANCE=([^\0]*)", _read(pid, "environ"))
    return found[1].decode() if found else ""


def _serves(pid: int) -> bool:
    """Whether it is an agent that serves a driver."""
    try:
        return b"\0serve\0--root\0" in b"\0".join(words_of(pid))
    except OSError:
        return False  # it has ended


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""  # it has ended
