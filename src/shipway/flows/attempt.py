"""A flow's events in, everything remembered out: ledger, report, and the last event with the verdict."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shipway.execute.telling import Tell
from shipway.ledger.store import Ledger
from shipway.model.errors import ShipwayError
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.reports.json import write_report

VERDICT_OF_CODE = {1: "undone", 2: "refused", 3: "refused", 4: "unsettled"}


class Attempt:
    """One attempt as it is remembered. Every event passes through here on its way to whoever watches."""

    def __init__(self, directory: Path, on_event: Callable[[Event], None]) -> None:
        self.directory = directory
        self.events: list[Event] = []
        self._watch = on_event
        self._began = time.monotonic()
        self.tell = Tell(self._take, time.time, f"try-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}")

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self._watch(event)

    @property
    def seconds(self) -> float:
        """Since the attempt began."""
        return time.monotonic() - self._began

    def named(self, deployment: str) -> Tell:
        """From here on the attempt is this deployment."""
        self.tell = self.tell.named(deployment)
        return self.tell

    def ended(self, verdict: Verdict) -> Verdict:
        """Tell the verdict, and remember the whole attempt."""
        self.tell(
            "ended",
            verdict=verdict.verdict,
            exit_code=verdict.exit_code,
            message=verdict.message,
            hint=verdict.hint,
            seconds=self.seconds,
        )
        self._remember()
        return verdict

    def _remember(self) -> None:
        """A full disk here must not turn a good deployment into a bad one: it is said, and the hosts remember anyway."""
        mine = [event for event in self.events if event.deployment in (self.tell.deployment, "")]
        try:
            with Ledger(self.directory) as ledger:
                ledger.add(mine)
            write_report(self.directory, mine)
        except (OSError, sqlite3.Error) as error:
            with contextlib.suppress(OSError):
                self._watch(Event("note", time.time(), self.tell.deployment, "", {"message": f"the report could not be written: {error}"}))


@contextmanager
def attempt(directory: Path, on_event: Callable[[Event], None]) -> Iterator[Attempt]:
    """Remember an attempt whichever way it ends. An error is told as its verdict, then raised on."""
    made = Attempt(directory, on_event)
    try:
        yield made
    except ShipwayError as error:
        message = f"{error.message}; {error.state}" if error.state else error.message
        made.tell("note", message="\n".join(error.details), of="verdict") if error.details else None
        made.ended(Verdict(VERDICT_OF_CODE[error.exit_code], error.exit_code, message, error.hint, made.tell.deployment))
        raise
