"""A ledger that remembers as much as one of that age does, and tells the newest of it as before."""

from __future__ import annotations

from pathlib import Path

from bench.side.growth import multiply
from shipway.ledger.store import Ledger
from tests.reports.story import live


def test_the_history_is_as_long_as_was_asked_for(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add(live())
    multiply(tmp_path / ".shipway/ledger.db", 12)
    with Ledger(tmp_path) as ledger:
        records = ledger.history("production").records
        assert len(records) == 12
        assert records[0].deployment == "7-abc123"
        assert {len(ledger.events(record.deployment)) for record in records} == {len(live())}
