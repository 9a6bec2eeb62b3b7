"""A plan in, how long it may take out, by what this machine remembers of those before it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from shipway.ledger.store import FILE, FOLDER, Ledger
from shipway.ledger.times import times
from shipway.model.plan import Plan
from shipway.model.times import Times

MOMENT_SECONDS = 0.1
"""Nobody waits longer for a ledger that another program writes to: it is only a forecast."""


def expected(directory: Path, plan: Plan) -> Times | None:
    """None where no deployment of its kind ended well in its environment, as far as is known here, or where the ledger cannot be read."""
    if plan.nothing_to_do or not (directory / FOLDER / FILE).exists():
        return None
    with contextlib.suppress(OSError, sqlite3.Error), Ledger(directory, MOMENT_SECONDS) as ledger:
        return times(
            ledger.landmarks(plan.environment, plan.kind),
            environment=plan.environment,
            kind=plan.kind,
            first=plan.document.get("before") is None,
            watch_seconds=plan.watch_seconds,
        )
    return None
