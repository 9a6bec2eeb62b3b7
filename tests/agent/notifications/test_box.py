"""What people should hear is in the journal with the decision, once for each target, bounded and clean, and no secret is with it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import clock
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.notifications import box, kept
from shipway_agent.notifications.entry import LONGEST_LINE, MOST_LINES
from shipway_agent.primitives import notifications as primitive
from tests.agent.lodge import Lodge, lodge, process

URL = "http://127.0.0.1:9/services/S3CRET"
CHAT = {"kind": "webhook", "on": ["failure"], "url": URL}
PAGER = {"kind": "command", "on": ["always"], "run": ["/bin/true"]}
MEMBERS = ("a", "b")
SAID = {"commit": "c" * 40, "version": "v2", "app": "shop", "environment": "test", "kind": "deploy", "who": "ann@laptop"}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Lodge]:
    """The lead of a fleet of two, without a daemon; two targets, and a worker as generations 1 and 2."""
    with lodge(tmp_path / "a") as one:
        for number in (1, 2):
            one.generation(number, process("worker", None))
        one.serve(1)
        keep(one, CHAT, PAGER)
        yield one


def keep(host: Lodge, *targets: dict[str, Any]) -> dict[str, Any]:
    return primitive.keep(host.context(2), {"targets": list(targets)})


def switched(host: Lodge, **more: Any) -> None:
    host.switch(2, members=MEMBERS, **{**SAID, **more})


def entries(host: Lodge) -> list[dict[str, Any]]:
    return [json.loads(text) for (text,) in host.journal.rows("SELECT json FROM outbox ORDER BY rowid")]


def test_the_driver_s_undo_with_its_reasons(host: Lodge) -> None:
    switched(host)
    reason = {
        "what": "b: web.1 ended with 3",
        "where": "verify",
        "step": "prove",
        "host": "b",
        "lines": ["last words"],
        "next": "shipway deploy test",
    }
    host.decide("undo", 2, reason=reason)
    chat, pager = entries(host)
    assert {key: value for key, value in chat.items() if key != "id"} == {key: value for key, value in pager.items() if key != "id"}
    assert chat["id"] != pager["id"]
    assert {key: chat[key] for key in ("what", "phase", "step", "host", "lines", "next")} == {
        "what": "b: web.1 ended with 3",
        "phase": "verify",
        "step": "prove",
        "host": "b",
        "lines": ["last words"],
        "next": "shipway deploy test",
    }
    assert chat["serving"] == {"generation": 1, "version": "v1", "commit": "c" * 40} and chat["members"] == ["a", "b"]
    host.decide("undo", 2, reason={**reason, "what": "another"})
    assert len(entries(host)) == 2


def test_it_is_written_in_the_transaction_of_the_decision(host: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    switched(host)

    def fail(*_: object) -> int:
        raise AgentError("io", "the disk reported an error")

    with monkeypatch.context() as patch:
        patch.setattr("shipway_agent.journal.chain.append", fail)  # the last write of the transaction
        with pytest.raises(AgentError):
            host.decide("commit", 2)
    attempt = host.journal.member().attempt("d-2")
    assert attempt is not None and attempt.stage == "switched" and entries(host) == []
    host.decide("commit", 2)
    assert [entry["event"] for entry in entries(host)] == ["live"]


def test_success_is_told_only_to_whom_wants_it(host: Lodge) -> None:
    switched(host)
    host.decide("commit", 2)
    (entry,) = entries(host)
    assert entry["verdict"] == "live" and entry["serving"]["version"] == "v2"
    assert host.journal.rows("SELECT name FROM outbox") == [("command 2",)]


def test_a_host_that_was_left_out_is_told_as_behind_to_those_who_hear_of_failures_too(host: Lodge) -> None:
    switched(host, without=["c", "d"])
    host.decide("commit", 2)
    entry, _ = entries(host)
    assert (entry["event"], entry["verdict"], entry["host"]) == ("left out", "not settled", "c and d")
    assert entry["what"] == "left out, and keeps what it served; committed on a, proved on a, b"
    assert entry["next"] == f"shipway deploy test --ref {'c' * 12}, as soon as c and d can be reached"
    assert host.journal.rows("SELECT name FROM outbox") == [("webhook 1",), ("command 2",)]


def test_a_silent_driver_is_told_with_the_last_step_that_the_journal_has(host: Lodge) -> None:
    switched(host)
    with host.journal.transaction() as db:
        db.execute("INSERT INTO steps VALUES ('d-2', 'task:migrate', 2, 'failed', 0.0, ?, 0, 0)", (json.dumps({"lines": ["no table"]}),))
    assert host.journal.decide({"do": "tick"}, clock.boot_now() + 90.0)["ok"]
    entry = entries(host)[0]
    assert entry["step"] == "task migrate (failed)" and entry["lines"] == ["no table"]
    assert entry["silent_seconds"] >= 90.0 and entry["what"].startswith("its driver has not been heard from for ")
    assert entry["next"] == f"shipway status test, then shipway deploy test --ref {'c' * 12}"


def test_what_a_driver_says_is_bounded_and_without_control_characters(host: Lodge) -> None:
    switched(host, version="v\x1b]0;evil\x07\n2")
    lines = [f"\x1b[31m{number}\r\n" + "x" * 5000 for number in range(500)]
    host.decide("undo", 2, reason={"what": "y" * 10**6 + "\n\x00", "step": {"a": 1}, "lines": lines, "host": "b\nc"})
    entry = entries(host)[0]
    assert len(entry["lines"]) == MOST_LINES and all(len(line) <= LONGEST_LINE and line.isprintable() for line in entry["lines"])
    assert len(entry["what"]) == 1000 and entry["host"] == "b c" and entry["version"] == "v 2"
    assert len(json.dumps(entry)) < 20_000
    host.decide("finish", 2)
    host.generation(3, process("worker", None))
    host.switch(3, members=MEMBERS, **SAID)
    host.decide("undo", 3, reason="no object")
    assert entries(host)[-1]["event"] == "undone"


def test_the_file_is_of_its_owner_and_the_journal_holds_no_secret(host: Lodge) -> None:
    switched(host)
    host.decide("undo", 2)
    path = Path(host.root.path) / kept.FILE
    assert path.stat().st_mode & 0o777 == 0o600 and URL in path.read_text()
    host.journal.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    holders = [file for file in Path(host.root.path).rglob("*") if file.is_file() and b"S3CRET" in file.read_bytes()]
    assert holders == [path]
    assert "S3CRET" not in json.dumps(box.summary(host.journal))


def test_targets_that_are_none_are_refused_without_their_value_and_the_old_ones_stay(host: Lodge) -> None:
    with pytest.raises(AgentError) as raised:
        keep(host, {**CHAT, "url": "http://169.254.169.254/S3CRET"}, {"kind": "email", "on": ["failure"], "server": "smtp://u:S3CRET@h"})
    assert raised.value.code == "target" and "S3CRET" not in str(raised.value.to_json())
    assert "target 1: " in raised.value.message and "target 2: " in raised.value.message
    assert box.summary(host.journal)["targets"] == 2
    assert keep(host) == {"targets": 0} and not (Path(host.root.path) / kept.FILE).exists()


def test_a_decision_does_not_wait_for_a_file_that_cannot_be_read(host: Lodge) -> None:
    (Path(host.root.path) / kept.FILE).write_text("{")
    switched(host)
    host.decide("undo", 2)
    assert entries(host) == [] and "does not hold what was written there" in box.summary(host.journal)["last_error"]


def test_tries_are_counted_before_they_are_made_and_end_one_day(host: Lodge) -> None:
    switched(host)
    host.decide("undo", 2)
    ((chat, tries), (pager, _)) = box.waiting(host.journal)
    assert tries == 0 and box.untried(host.journal) == 2
    for number in range(1, box.MOST_TRIES + 1):
        letter = box.begin_try(host.journal, chat)
        assert letter is not None and letter.tries == number and letter.id == letter.entry["id"] == chat
        with Journal(host.root) as other:
            assert box.waiting(other)[0] == (chat, number), "whoever is killed now has tried"
        box.not_sent(host.journal, letter, "it answers 500")
    assert box.begin_try(host.journal, chat) is None
    said = box.summary(host.journal)
    assert (said["waiting"], said["failed"], said["last_error"]) == (1, 1, "webhook 1: it answers 500")
    letter = box.begin_try(host.journal, pager)
    assert letter is not None
    box.sent(host.journal, letter)
    assert box.waiting(host.journal) == [] and box.summary(host.journal)["failed"] == 1
    told = [event["data"] for event in host.journal.events(kind="notified")]
    assert [(one["state"], one["tries"]) for one in told] == [("failed", box.MOST_TRIES), ("sent", 1)]
    host.journal.verify()


def test_a_journal_of_an_agent_that_knew_no_outbox_gets_one(tmp_path: Path) -> None:
    with lodge(tmp_path / "a") as old:
        path = Path(old.root.path) / "journal.db"
        with sqlite3.connect(path) as db:
            db.execute("DROP TABLE outbox")
        db.close()
        with Journal(old.root) as journal:
            assert box.waiting(journal) == []
