"""The operator's memory: a file that may be lost or damaged at any time without losing a decision."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from shipway.ledger.store import Ledger
from shipway.ledger.times import LANDMARKS
from shipway.model.event import Event
from shipway.model.facts import Attempt
from tests.reports.story import START, live, undone


def test_what_was_added_is_read_back_in_its_order(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add(live())
        ledger.add(undone("8-def456", START + 60))
    with Ledger(tmp_path) as ledger:
        assert ledger.events() == [*live(), *undone("8-def456", START + 60)]
        assert ledger.events("8-def456") == undone("8-def456", START + 60)
        assert [r.deployment for r in ledger.history("production").records] == ["8-def456", "7-abc123"]
        assert [r.deployment for r in ledger.history("production", limit=1).records] == ["8-def456"]
        assert ledger.history("staging").records == ()


def test_the_landmarks_of_one_kind_in_one_environment_are_found_among_all_events(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add(live())
        ledger.add(undone("8-def456", START + 60))
        assert ledger.landmarks("staging", "deploy") == ledger.landmarks("production", "rollback") == []
        found = ledger.landmarks("production", "deploy")
    assert found == [event for event in (*live(), *undone("8-def456", START + 60)) if event.kind in LANDMARKS]
    assert {event.kind for event in found} == set(LANDMARKS)


def busy(ledger: Ledger, deployments: int) -> None:
    """So many deployments, each third by another machine's driver, of two environments, and some of them an hour long."""
    lease = {"do": "lease", "owner": "bob", "document": {"kind": "deploy", "environment": "production", "version": "1.3"}}
    for number in range(deployments):
        began = START + 60.0 * number
        if number % 3 == 0:
            heard = {"message": lease, "reply": {"ok": True}}
            event = {"seq": number + 1, "at": began, "deployment": f"{number}-there", "kind": "member", "data": heard}
            ledger.learn("production", "a", [event, {**event, "seq": 10_000 + number, "at": began + 3600.0 * (number % 2)}])
            continue
        place = "staging" if number % 5 == 0 else "production"
        told = [
            Event("began", began, f"{number}-here", data={"environment": place}),
            Event("ended", began + 3600.0 * (number % 2), f"{number}-here"),
        ]
        ledger.add(told)


@pytest.mark.parametrize("limit", [1, 7, 60, 1000])
def test_the_newest_are_the_same_however_little_is_read(tmp_path: Path, limit: int) -> None:
    with Ledger(tmp_path) as ledger:
        busy(ledger, 300)
        for environment in ("production", "staging"):
            assert ledger.history(environment, limit=limit).records == ledger.history(environment).records[:limit]


def test_the_newest_of_a_long_history_are_told_without_reading_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(tmp_path) as ledger:
        busy(ledger, 1500)
        read: list[str] = []
        loads = json.loads

        def counted(text: str) -> object:
            read.append(text)
            return loads(text)

        monkeypatch.setattr(json, "loads", counted)
        ledger.history("production", limit=20)
        assert len(read) < 1000
        ledger.history("production")
        assert len(read) > 3000


def test_an_event_that_is_added_twice_is_kept_once(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add(live()[:9])
        ledger.add(live())
        assert ledger.events() == live()


def test_what_hosts_tell_is_kept_for_the_day_when_they_cannot(tmp_path: Path) -> None:
    lease = {"do": "lease", "owner": "bob", "document": {"kind": "deploy", "environment": "production", "version": "1.3", "number": 9}}
    heard = [{"message": lease, "reply": {"ok": True}}, {"message": {"do": "commit"}, "reply": {"ok": True, "decision": "committed"}}]
    told = [{"seq": i, "at": 100.0 + i, "deployment": "9-x", "kind": "member", "data": data} for i, data in enumerate(heard, 1)]
    with Ledger(tmp_path) as ledger:
        ledger.learn("production", "a", told)
        ledger.learn("production", "a", told)
    with Ledger(tmp_path) as ledger:
        (record,) = ledger.history("production").records
        assert (record.deployment, record.version, record.verdict, record.who) == ("9-x", "1.3", "live", "bob")
        (journal,) = ledger.journals("production")
        assert list(journal.events) == told


def test_a_journal_that_began_anew_does_not_hide_behind_the_old_one(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.learn("production", "a", [{"seq": 1, "at": 100.0, "deployment": "", "kind": "named", "data": {}}])
        ledger.learn("production", "a", [{"seq": 1, "at": 900.0, "deployment": "", "kind": "named", "data": {}}])
        assert [event["at"] for event in ledger.journals("production")[0].events] == [100.0, 900.0]


def test_a_host_whose_journal_is_empty_counts_by_its_record(tmp_path: Path) -> None:
    attempt = Attempt("9-x", 9, "committed", "a", ("a",), document={"kind": "deploy", "environment": "production", "number": 9})
    with Ledger(tmp_path) as ledger:
        (record,) = ledger.history("production", attempts={"a": [attempt]}).records
    assert record.verdict == "live" and record.generation_after == 9


@pytest.mark.parametrize("damage", [b"this is no database, and never was one" * 40, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_ledger_is_set_aside_and_begun_anew(tmp_path: Path, damage: bytes) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add(live())
    for leftover in (tmp_path / ".shipway").glob("ledger.db-*"):
        leftover.unlink()
    (tmp_path / ".shipway" / "ledger.db").write_bytes(damage)
    with Ledger(tmp_path) as ledger:
        assert ledger.events() == []
        ledger.add(live())
        assert ledger.events() == live()
    assert (tmp_path / ".shipway" / "ledger.damaged").read_bytes() == damage


def test_a_ledger_of_another_format_is_set_aside_too(tmp_path: Path) -> None:
    with Ledger(tmp_path):
        pass
    db = sqlite3.connect(tmp_path / ".shipway" / "ledger.db")
    with db:
        db.execute("UPDATE meta SET value = '99'")
    db.close()
    with Ledger(tmp_path) as ledger:
        assert ledger.events() == []


def test_no_checkout_is_ever_dirty_by_it(tmp_path: Path) -> None:
    with Ledger(tmp_path):
        pass
    assert (tmp_path / ".shipway" / ".gitignore").read_text() == "*\n"


def test_values_that_json_has_no_form_for_are_kept_as_text(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add([Event("note", 1.0, "7-x", "", {"message": Path("/tmp")})])
        assert ledger.events()[0].data == {"message": "/tmp"}


def test_what_a_host_sends_that_is_no_event_is_left_out(tmp_path: Path) -> None:
    good = {"seq": 2, "at": 100.0, "deployment": "7-x", "kind": "member", "data": {"message": 5, "reply": None}}
    with Ledger(tmp_path) as ledger:
        ledger.learn("production", "a", [{}, {"seq": "1"}, {**good, "at": None}, {**good, "data": "x"}, good])
        assert [event["seq"] for event in ledger.journals("production")[0].events] == [2]
        assert ledger.history("production").records == ()
