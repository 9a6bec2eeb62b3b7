"""A flow's events in, everything remembered out: ledger, report, and the last event with the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shipway.execute.telling import Tell
from shipway.flows.who import who
from shipway.ledger.store import BUSY_SECONDS, Ledger
from shipway.model.errors import ShipwayError
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.reports.files import write_report, write_so_far
from shipway.reports.fold import State
from shipway_agent.record import replace

LANDMARKS = frozenset({"began", "phase", "decided"})
"""Events at which the report is written so far: a driver that is killed leaves one too, which says *interrupted*."""

LEFT = "left"
"""What a note is of that names tasks of earlier deployments: the verdict says it once more."""

LEDGER_MARKS = frozenset({"began", "decided"})
"""Those of them at which the ledger is written too. What it misses of a driver that is killed, hosts have in their journals."""

MOMENT_SECONDS = 0.1
"""So long, and no longer, leases and hosts wait for another program that writes to the ledger: what it did not get then it gets later."""

OUTPUT_LINES = 20_000
"""Lines of output that an attempt remembers, of all hosts together. Who watches sees them all; hosts keep the beginning of each task's."""

VERDICT_OF_CODE = {1: "undone", 2: "refused", 3: "refused", 4: "unsettled"}


class Attempt:
    """One attempt as it is remembered. Every event passes through here on its way to whoever watches.

    `kind` and `environment` say what was tried, for an attempt that ends before it has begun. `environment` is asked then alone.
    """

    def __init__(self, directory: Path, on_event: Callable[[Event], None], kind: str = "", environment: Callable[[], str] = str) -> None:
        self.directory = directory
        self._kind, self._environment = kind, environment
        self.events: list[Event] = []
        self._watch = on_event
        self._began = time.monotonic()
        self._kept = 0
        self._lines = 0
        self._ends = False
        self._state, self._folded, self._folding = State(), 0, ""
        self.tell = Tell(self._take, time.time, f"try-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}")

    def _take(self, event: Event) -> None:
        self._lines += event.kind == "output"
        if event.kind != "output" or self._lines <= OUTPUT_LINES:
            self.events.append(event)
        self._watch(event)
        if event.kind in LANDMARKS and not self._ends:
            self._remember(write_so_far, MOMENT_SECONDS, with_ledger=event.kind in LEDGER_MARKS)

    def say(self, kind: str, /, *, host: str = "", **data: Any) -> None:
        """Tell an event of whatever deployment this attempt is by now."""
        self.tell(kind, host=host, **data)

    @property
    def seconds(self) -> float:
        """Since the attempt began."""
        return time.monotonic() - self._began

    def named(self, deployment: str) -> Tell:
        """From here on the attempt is this deployment."""
        self.tell = self.tell.named(deployment)
        return self.tell

    def ends(self) -> None:
        """Nothing that lasts comes any more: what is told from here on is remembered with the verdict, and not before it as well."""
        self._ends = True

    def ended(self, verdict: Verdict) -> Verdict:
        """Tell the verdict, and remember the whole attempt. Its message names what was left by earlier deployments."""
        named = [str(event.data["message"]) for event in self.events if event.kind == "note" and event.data.get("of") == LEFT]
        verdict = replace(verdict, message="; ".join([verdict.message, *named]))
        self.tell(
            "ended",
            verdict=verdict.verdict,
            exit_code=verdict.exit_code,
            message=verdict.message,
            hint=verdict.hint,
            seconds=self.seconds,
            **self._tried(),
        )
        self._remember(write_report, BUSY_SECONDS)
        return verdict

    def _tried(self) -> dict[str, str]:
        """What was tried, and by whom, where nothing has told it: `began` comes once there is a plan."""
        if not self._kind or any(event.kind == "began" and self._is_mine(event) for event in self.events):
            return {}
        return {"kind": self._kind, "environment": self._environment(), "who": who()}

    def _remember(self, write: Callable[[Path, State], object], busy_seconds: float, *, with_ledger: bool = True) -> None:
        """A full disk here must not turn a good deployment into a bad one: it is said, and the hosts remember anyway."""
        try:
            write(self.directory, self._so_far())
            if not with_ledger:
                return
            with Ledger(self.directory, busy_seconds) as ledger:
                ledger.add([event for event in self.events[self._kept :] if self._is_mine(event)])
            self._kept = len(self.events)
        except (OSError, sqlite3.Error) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY and busy_seconds < BUSY_SECONDS:
                return
            with contextlib.suppress(OSError):
                self._watch(Event("note", time.time(), self.tell.deployment, "", {"message": f"the report could not be written: {error}"}))

    def _so_far(self) -> State:
        """What this attempt's events fold to. One that becomes a deployment begins anew."""
        if self._folding != self.tell.deployment:
            self._folding, self._folded, self._state = self.tell.deployment, 0, State()
        for event in self.events[self._folded :]:
            if self._is_mine(event):
                self._state.add(event)
        self._folded = len(self.events)
        return self._state

    def _is_mine(self, event: Event) -> bool:
        return event.deployment in (self.tell.deployment, "")


@contextmanager
def attempt(directory: Path, on_event: Callable[[Event], None], kind: str = "", environment: Callable[[], str] = str) -> Iterator[Attempt]:
    """Remember an attempt whichever way it ends: of what kind it is, and in which environment. An error is told as its verdict, then

    raised on.
    """
    made = Attempt(directory, on_event, kind, environment)
    try:
        yield made
    except asyncio.CancelledError:
        made.ended(Verdict("refused", 3, "interrupted before anything was touched", "", made.tell.deployment))
        raise
    except ShipwayError as error:
        message = f"{error.message}; {error.state}" if error.state else error.message
        made.tell("note", message="\n".join(error.details), of="verdict") if error.details else None
        made.ended(Verdict(VERDICT_OF_CODE[error.exit_code], error.exit_code, message, error.hint, made.tell.deployment))
        raise
