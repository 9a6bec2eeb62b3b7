"""A channel's calls and events in, the moments of a driver's life out, each with a name; and what the driver does to itself at one.

A driver changes hosts only by what it sends, and learns only by what it hears. So it can die in as many ways as there are messages:
before each request that is journalled, at each step's beginning and end, and after each answer. A moment is called
`HOST before CALL`, `HOST started STEP`, `HOST done STEP` or `HOST after CALL`, with `#2` behind it when it comes again.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = "SHIPWAY_TEST_FAULT"
READS = frozenset({"hello", "look", "fresh", "events", "tail", "examine", "lack", "manifest"})
"""Calls that journal nothing: dying at them is dying at the moment before."""

ABOUT = re.compile(r":\d+-[0-9a-f]+$")
"""The deployment that a step is about, at the end of its key."""

UNTOLD = frozenset({"", "decide:renew"})
"""A call without a step, and one that comes as often as there is time for it."""


@dataclass(frozen=True)
class Fault:
    """At `moment` the driver sends itself `signal`; its ssh processes, which have sessions of their own, get it first `with_ssh`."""

    moment: str
    signal: int = signal.SIGKILL
    with_ssh: bool = False


@dataclass(frozen=True)
class Moment:
    """One moment that came: its name, and when, in seconds since the epoch."""

    name: str
    at: float


class Moments:
    """Writes each moment to a file as it comes, and strikes at the one that is meant."""

    def __init__(self, record: Path, fault: Fault | None) -> None:
        self._record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._fault = fault
        self._came: Counter[str] = Counter()

    def come(self, host: str, what: str, of: str) -> None:
        """`what` is before, started, done, failed or after."""
        name = f"{host} {what} {plain(of)}"
        self._came[name] += 1
        if self._came[name] > 1:
            name = f"{name}#{self._came[name]}"
        os.write(self._record, f"{json.dumps([name, time.time()])}\n".encode())
        if self._fault is not None and name == self._fault.moment:
            strike(os.getpid(), self._fault.signal, with_ssh=self._fault.with_ssh)


def strike(pid: int, number: int, *, with_ssh: bool) -> None:
    """Send a signal to a driver, or to its children first and then to it."""
    for child in children(pid) if with_ssh else ():
        try:
            os.kill(child, number)
        except ProcessLookupError:
            pass  # it has ended
    os.kill(pid, number)


def children(pid: int) -> list[int]:
    """Its child processes, by all its threads."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:
            pass  # the thread has ended
    return found


def label(call: str, args: Mapping[str, Any]) -> str | None:
    """What a call is named after: its message, or the first of its steps. None for what leaves no trace on the host."""
    name = call
    if call == "decide":
        name = f"decide:{args['do']}"
    elif call == "run":
        name = f"run:{args['steps'][0]['key']}" if args["steps"] else ""
    return None if name in UNTOLD else name


def plain(key: str) -> str:
    """A call or step without the deployment that it is about: a moment has the same name in every run."""
    return ABOUT.sub("", key)


def is_journalled(moment: str) -> bool:
    """Whether a host journals the call or step that this moment is of."""
    return moment.split()[2].partition("#")[0] not in READS


def to_text(record: Path, fault: Fault | None) -> str:
    """For the driver's environment."""
    told = None if fault is None else [fault.moment, int(fault.signal), fault.with_ssh]
    return json.dumps({"record": str(record), "fault": told})


def from_text(text: str) -> Moments:
    """In the driver."""
    said = json.loads(text)
    return Moments(Path(said["record"]), None if said["fault"] is None else Fault(*said["fault"]))


def read(record: Path) -> list[Moment]:
    """The moments that came, in order; none where the driver never spoke to a host."""
    if not record.exists():
        return []
    return [Moment(*json.loads(line)) for line in record.read_text(encoding="utf-8").splitlines() if line.endswith("]")]
