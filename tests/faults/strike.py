"""A host and the number of a call in; out, the agent that dies there or fails: strike.c is preloaded, and told by a file what to do."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.ground import Ground

SESSION, SUPERVISOR = 1, 2
"""Whose calls are counted: those of the agents that drivers start, all of them together, or those of the supervisor."""

SOURCE = Path(__file__).with_name("strike.c")
LIBRARY = "/usr/local/lib/strike.so"
PRELOADED = "/etc/ld.so.preload"
PLAN = "/etc/strike"
HEAD = struct.Struct("=IIIIIIiI")
CALLS, NAME = 8192, 12
SIZE = HEAD.size + CALLS * NAME


@dataclass(frozen=True)
class Struck:
    """What became of a plan: how many strikes there were, and the names of the calls since the last one, in order."""

    times: int
    calls: tuple[str, ...]


def prepare(ground: Ground, host: str) -> None:
    """Programs that begin there from now on can be struck. What runs already cannot."""
    hosts = ground.hosts
    if hosts.path(host, PRELOADED).exists() and LIBRARY in hosts.path(host, PRELOADED).read_text():
        return
    hosts.run(host, ["sh", "-c", f"cat >{LIBRARY}.new && mv {LIBRARY}.new {LIBRARY}"], user="root", input=library(ground.place))
    hosts.run(host, ["sh", "-c", f"cat >{PLAN} && chmod 666 {PLAN}"], user="root", input=bytes(SIZE))
    hosts.run(host, ["sh", "-c", f"echo {LIBRARY} >>{PRELOADED}"], user="root")


def lay(ground: Ground, host: str, role: int, at: Sequence[int] = (), error: int = 0) -> None:
    """From here on the calls of `role` are counted, and the one with the number `at` is struck; with two numbers the second counts
    from the first strike on. An `error` makes it fail with that errno; without one its process is killed before it."""
    prepare(ground, host)
    last, before = [*reversed(at), 0, 0][:2]
    _write(ground, host, HEAD.pack(role, len(at) or 1, 0, last, before, 0, error, 0))


def struck(ground: Ground, host: str) -> int:
    """How many strikes there were so far."""
    with ground.hosts.path(host, PLAN).open("rb") as file:
        return int(HEAD.unpack(file.read(HEAD.size))[5])


def lift(ground: Ground, host: str) -> Struck:
    """Agents run as before; what has happened."""
    with ground.hosts.path(host, PLAN).open("rb") as file:
        _, _, count, _, _, times, _, _ = HEAD.unpack(file.read(HEAD.size))
        names = [file.read(NAME).rstrip(b"\0").decode() for _ in range(min(count + 1, CALLS))]
    _write(ground, host, bytes(HEAD.size))
    return Struck(times, tuple(names[1:]))


def library(place: Path) -> bytes:
    """What is preloaded, compiled once for a ground."""
    made = place / "strike.so"
    if not made.exists():
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-o", made, SOURCE, "-ldl"], check=True)
    return made.read_bytes()


def _write(ground: Ground, host: str, head: bytes) -> None:
    """In place: agents have mapped the file."""
    with ground.hosts.path(host, PLAN).open("r+b") as file:
        file.write(head)
