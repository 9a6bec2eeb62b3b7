"""A program of the database and its environment in; out, how it ended. It ends at its bound, with everything that it started."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from shipway_agent import clock
from shipway_agent.errors import AgentError
from shipway_agent.group import MARKER, Instance, kill_whole, known
from shipway_agent.orphans import marker_for
from shipway_agent.primitives import Context
from shipway_agent.record import dataclass
from shipway_agent.surroundings import PATH
from shipway_agent.text import clean

PLACES = ("/usr/lib/postgresql", "/usr/pgsql-")
"""Where Debian and Red Hat keep the programs of each major version."""

LAST_LINES = 20
MOST_OUTPUT = 1 << 20
LOOK_SECONDS = 0.25
KILL_SECONDS = 5.0
CLEAN_SECONDS = 60.0


@dataclass(frozen=True)
class Work:
    """What programs of one piece of work have in common: their environment, when they must have ended (time.monotonic()), and whether

    anybody still waits for them.
    """

    environment: Mapping[str, str]
    until: float
    moot: Callable[[], bool]

    def to_its_end(self) -> Work:
        """For taking away what was begun: that is done whoever waits for it, and has its own bound."""
        return Work(self.environment, time.monotonic() + CLEAN_SECONDS, lambda: False)

    def left(self) -> float:
        """Seconds until the end of the bound, never negative."""
        return max(0.0, self.until - time.monotonic())


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit code, its output (at most 1 MiB), the last lines of its complaints."""

    exit: int
    output: bytes
    lines: List[str]


def work_of(context: Context, environment: Mapping[str, str], bound_seconds: float) -> Work:
    """Programs of a step: found again by their marker when the agent is killed, and ended then."""
    until = min(context.until, time.monotonic() + bound_seconds)
    marked = marker_for(context.root, context.deployment, context.key, clock.boot_now() + max(0.0, until - time.monotonic()))
    return Work({**environment, MARKER: marked}, until, lambda: context.ended.is_set() or context.is_moot())


def run(argv: Sequence[str], work: Work, *, more: Optional[Mapping[str, str]] = None, look: Callable[[], None] = lambda: None) -> Ended:
    """Run a program to its end; `look` is called a few times a second meanwhile. Raises AgentError `program`, `data-timeout`, `ended`."""
    out, errors = os.memfd_create("out"), os.memfd_create("errors")
    try:
        program = Program(argv, work, more, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        try:
            exit_code = _attend(program.child, work, look)
        finally:
            program.end()
        if exit_code is None and work.moot():
            raise AgentError("ended", f"{name_of(argv)} was ended, for nobody waits for it any more")
        if exit_code is None:
            raise AgentError("data-timeout", f"{name_of(argv)} did not end within its bound, and was ended", read_lines(errors))
        return Ended(exit_code, _read(out), read_lines(errors))
    finally:
        os.close(out)
        os.close(errors)


class Program:
    """One that runs, in a session of its own. `child` has its streams."""

    def __init__(self, argv: Sequence[str], work: Work, more: Optional[Mapping[str, str]], *, stdin: int, stdout: int, stderr: int) -> None:
        """Raises AgentError `program`."""
        try:
            self.child = subprocess.Popen(
                list(argv),
                env={**work.environment, **(more or {})},
                cwd="/",
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                bufsize=0,
                start_new_session=True,
                umask=0o077,
            )
        except OSError as error:
            raise AgentError("program", f"{argv[0]} cannot be started: {error.strerror}", program=argv[0]) from None
        # Asked before anybody reaps it: from then on its pid may be another's.
        leader = known(self.child.pid)
        self._whole = Instance(f"{work.environment[MARKER]}#{self.child.pid}", self.child.pid, leader.start if leader else None)

    def end(self) -> None:
        """Kill what is left of it. Raises AgentError `stuck`."""
        for stream in (self.child.stdin, self.child.stdout):
            if stream is not None:
                stream.close()
        left = kill_whole(self._whole, KILL_SECONDS)
        if left:
            raise AgentError("stuck", f"processes {[one.pid for one in left]} do not end even by SIGKILL")
        self.child.wait(KILL_SECONDS)


def find(name: str, major: int, environment: Mapping[str, str]) -> str:
    """The path of a PostgreSQL program that can serve servers of `major`: of that version, else of the next newer one, else from PATH.

    Raises AgentError `no-program`.
    """
    there = sorted((version, path) for version, path in _installed(name) if version >= major)
    if there:
        return there[0][1]
    for folder in environment.get("PATH", PATH).split(":"):
        path = f"{folder}/{name}"
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    raise AgentError(
        "no-program",
        f"there is no {name} on this host for a server of version {major}: install its client (Debian: postgresql-client-{major})",
        program=name,
    )


def name_of(argv: Sequence[str]) -> str:
    """What people call it."""
    return argv[0].rpartition("/")[2]


def read_lines(fd: int) -> List[str]:
    """The last lines that were written to a file."""
    text = _read(fd).decode("utf-8", "replace")
    return [clean(line) for line in text.splitlines() if line.strip()][-LAST_LINES:]


def _read(fd: int) -> bytes:
    size = os.fstat(fd).st_size
    return os.pread(fd, MOST_OUTPUT, max(0, size - MOST_OUTPUT))


def _attend(child: subprocess.Popen[bytes], work: Work, look: Callable[[], None]) -> Optional[int]:
    while True:
        try:
            return child.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            if work.left() <= 0 or work.moot():
                return None
            look()


def _installed(name: str) -> List[Tuple[int, str]]:
    found: Dict[str, int] = {}
    for place in PLACES:
        above, _, prefix = place.rpartition("/") if place.endswith("-") else (place, "", "")
        try:
            versions = os.listdir(above)
        except OSError:
            continue
        for version in versions:
            path = f"{above}/{version}/bin/{name}"
            number = version[len(prefix) :].partition(".")[0]
            if version.startswith(prefix) and number.isdigit() and os.access(path, os.X_OK):
                found[path] = int(number)
    return [(version, path) for path, version in found.items()]
