"""A case and a ground in; out, everything that was seen while the fault happened, and the promises that it broke."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from load import Load, Outcome
from tests.faults import moments
from tests.faults.books import Scribes
from tests.faults.drive import Drive
from tests.faults.ground import ENVIRONMENT, Ground, Times
from tests.faults.moments import Fault
from tests.faults.watch import DECISIONS

KINDS = ("keep-alive", "fresh")
"""Visitors whose requests are short: the long kinds are the stories', and would make each case wait for its last one."""

SCALE, PAUSES = 0.1, 3.0
"""One of each for each host, about 18 requests a second: two cores run two fleets."""

SLACK_SECONDS = 5.0


@dataclass(frozen=True)
class Asked:
    """What `status --json` said to somebody elsewhere, when it was asked, and when each host was read."""

    began: float
    ended: float
    code: int
    said: dict[str, Any]
    read: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def when(self, host: str) -> tuple[float, float]:
        """Between which two times what it said of a host was true."""
        return self.read.get(host, (self.began, self.ended))


@dataclass
class Trial:
    """One case on one ground; see tests/faults/__init__.py. `directory` keeps what is worth reading where something is broken."""

    ground: Ground
    directory: Path
    times: Times
    drives: list[Drive] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    darkness: list[tuple[str, float, float]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    struck_at: float | None = None
    decided_before: float | None = None
    began_at: float = field(default_factory=time.time)
    suffering: list[Drive] = field(default_factory=list)
    patience_seconds: float = 0.0
    head: str = ""
    outcome: Outcome | None = None
    scribes: Scribes | None = None
    spares: Mapping[str, int] = field(default_factory=dict)
    used: int = 0

    @property
    def bound_seconds(self) -> float:
        """T, of the times that count in this case, and what a driver that lives may wait for a host before."""
        return self.times.bound_seconds + self.patience_seconds

    def commit(self, *, times: Times | None = None, **behaviour: object) -> str:
        """A new version of the application at HEAD. `times` changes those of the environment from here on, and with them T."""
        self.times = times or self.times
        self.head = self.ground.author.commit(self.ground.settings(self.times), **behaviour)
        return self.head

    def drive(self, *words: str, fault: Fault | None = None, certain: bool = True) -> Drive:
        """Run `shipway WORDS ENVIRONMENT`. With a fault, wait until it has happened; one that never does is an AssertionError.

        Unless it is not `certain`: then `struck_at` tells.
        """
        command, *rest = words
        directory = self.directory / f"drive-{len(self.drives) + 1}"
        drive = Drive.begin(self.ground, (command, ENVIRONMENT, *rest), fault, directory)
        self.drives.append(drive)
        if fault is not None:
            came = drive.comes_to(fault.moment, certain=certain)
            if came is not None:
                self.struck(came.at)
        return drive

    def struck(self, at: float | None = None, *, anew: bool = False) -> None:
        """The fault has happened: from here on the fleet has T to decide. What an earlier one took is not forgotten.

        Unless it begins `anew`: until now nothing was promised.
        """
        taken = None if anew else self.decided_seconds
        self.decided_before = None if taken is None else max(self.decided_before or 0.0, taken)
        self.struck_at = at or time.time()

    def suffers(self, drive: Drive, patience_seconds: float) -> None:
        """The fault comes at some moment of this drive, and the drive lives: it decides within T and the time it tells that it waits."""
        self.suffering.append(drive)
        self.patience_seconds = patience_seconds
        if self.struck_at is None:
            self.struck()

    def status(self) -> Asked:
        """Ask from elsewhere. What it says is checked with all else at the end."""
        began = time.time()
        record = self.directory / f"status-{len(self.asked) + 1}"
        done = self.ground.elsewhere("status", ENVIRONMENT, "--json", record=record)
        lines = done.stdout.splitlines()
        self.expect(len(lines) == 1 and not done.stderr, f"status --json is not one object: {done.stdout}{done.stderr}")
        looks = {moment.name: moment.at for moment in moments.read(record)}
        read = {
            host: (looks[f"{host} before look"], looks[f"{host} after look"])
            for host in self.ground.names
            if {f"{host} before look", f"{host} after look"} <= set(looks)
        }
        asked = Asked(began, time.time(), done.returncode, json.loads(lines[0]) if lines else {}, read)
        self.asked.append(asked)
        return asked

    def decided(self) -> None:
        """Wait until no host that can be seen has an undecided deployment. The time it took is checked at the end."""
        for host in self.ground.names:
            self.ground.watch.at_rest(host)
        deadline = time.monotonic() + self.bound_seconds + 30
        while open_ones := {host: seen.undecided for host in self.ground.names if (seen := self.ground.watch.now(host)).undecided}:
            assert time.monotonic() < deadline, f"not decided within T + 30 s: {open_ones}"
            time.sleep(0.02)

    def wait(self, condition: Callable[[], bool], otherwise: str, seconds: float) -> None:
        """Return once the condition holds; one that never does is a broken promise, and the case ends."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{otherwise} (for {seconds:g} s)"
            time.sleep(0.02)

    def next_deploy(self) -> Drive:
        """Somebody deploys HEAD, with no force: it waits no longer than a lease lasts, and is live."""
        drive = self.drive("deploy")
        drive.ended()
        self.expect(drive.code == 0, f"the next deploy ended with {drive.code}:\n{drive.text}")
        waits = [event["at"] for event in drive.events if event.get("event") == "waiting" and "lease of" in event["data"]["what"]]
        leased = [event["at"] for event in drive.events if event.get("event") == "leased"]
        if waits and leased:
            waited = leased[-1] - waits[0]
            self.expect(waited <= self.times.lease_seconds + SLACK_SECONDS, f"the next deploy waited {waited:.1f} s for a lease")
        return drive

    @contextmanager
    def dark(self, host: str) -> Iterator[None]:
        """While the block lasts this host cannot be seen or visited, and nobody promised that it could."""
        began = time.time()
        self.darkness.append((host, began, float("inf")))
        try:
            yield
        finally:
            self.darkness.remove((host, began, float("inf")))
            self.darkness.append((host, began, time.time() + 1.0))

    def is_dark(self, host: str, began: float, ended: float) -> bool:
        """Whether the host could not be seen at some time between the two."""
        return any(name == host and first <= ended and began <= last for name, first, last in self.darkness)

    def expect(self, condition: bool, sentence: str) -> None:
        """Note a broken promise unless the condition holds."""
        if not condition:
            self.broken.append(sentence)

    @property
    def decided_seconds(self) -> float | None:
        """From the strike until no host had the struck deployment undecided; None where nothing was to be decided."""
        if self.struck_at is None:
            return None
        own = {drive.deployment for drive in self.drives if drive.fault is None and drive not in self.suffering}
        last: dict[str, float] = {}
        for host in self.ground.names:
            before: tuple[str, ...] = ()
            for seen in self.ground.watch.during(host, self.began_at, float("inf")):
                if set(before) - set(seen.undecided) - own:
                    last[host] = seen.at
                before = seen.undecided
        now = max(0.0, max(last.values()) - self.struck_at) if last else self.decided_before
        return now if now is None or self.decided_before is None else max(now, self.decided_before)

    def decisions(self) -> dict[str, dict[str, str]]:
        """What each host knows of the end of each deployment of this trial."""
        found: dict[str, dict[str, str]] = {}
        for host, seen in self.ground.watch.since(self.began_at):
            for deployment, stage in seen.stages.items():
                if stage in DECISIONS:
                    found.setdefault(deployment, {})[host] = stage
        return found

    def end(self) -> None:
        """Nothing that was started goes on."""
        for drive in self.drives:
            drive.end()


@contextmanager
def under_load(trial: Trial) -> Iterator[None]:
    """Visitors at every door while the block lasts, and where there are books somebody who writes; what became of them is the trial's."""
    books = trial.ground.books
    with (
        Scribes(books, trial.ground.doors) if books is not None else nullcontext() as trial.scribes,
        Load(*trial.ground.doors.values(), kinds=KINDS, scale=SCALE, pauses=PAUSES) as load,
    ):
        try:
            yield
        finally:
            trial.outcome = load.stop()
