"""A plan in, how long it may take out, by what this machine remembers of those before it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from shipway.ledger.retell import retold
from shipway.ledger.store import FILE, FOLDER, Ledger
from shipway.ledger.times import times
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.model.times import Times

MOMENT_SECONDS = 0.1
"""Nobody waits longer for a ledger that another program writes to: it is only a forecast."""

DEPLOYMENTS = 20
"""So many of those that hosts remember are looked at."""


def expected(directory: Path, plan: Plan) -> Times | None:
    """None where no deployment of its kind ended well in its environment, as far as is known here, or where the ledger cannot be read."""
    if plan.nothing_to_do or not (directory / FOLDER / FILE).exists():
        return None
    with contextlib.suppress(OSError, sqlite3.Error), Ledger(directory, MOMENT_SECONDS) as ledger:
        return _of(ledger.landmarks(plan.environment, plan.kind), plan) or _of(_told_by_hosts(ledger, plan), plan)
    return None


def _of(events: Iterable[Event], plan: Plan) -> Times | None:
    first = plan.document.get("before") is None
    return times(events, environment=plan.environment, kind=plan.kind, first=first, watch_seconds=plan.watch_seconds)


def _told_by_hosts(ledger: Ledger, plan: Plan) -> Iterator[Event]:
    """Of deployments that ran elsewhere, as far as a command here has read the hosts' journals."""
    records = ledger.history(plan.environment, limit=DEPLOYMENTS).records
    chosen = [record.deployment for record in reversed(records) if record.kind == plan.kind]
    journals = {journal.host: journal.events for journal in ledger.journals(plan.environment, deployments=chosen)} if chosen else {}
    for deployment in chosen:
        yield from retold(deployment, journals)
