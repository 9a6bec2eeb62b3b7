"""Journals that earlier agents left are read, replayed and finished by this one; a newer or a damaged one stops it, loudly."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import clock, decide
from shipway_agent.call import Place
from shipway_agent.decide import Member
from shipway_agent.errors import AgentError
from shipway_agent.journal import FILE, FORMAT, Journal
from shipway_agent.journal.witness import FILE as MARK
from shipway_agent.leftovers import left
from shipway_agent.primitives import Context, facts, member
from shipway_agent.root import Root
from shipway_agent.states import INTENT

KEPT = sorted(Path(__file__).with_name("journals").glob("*.sql"))
STAGES = {"committed": "committed", "reverted": "reverted", "undecided-lead": "switched", "undecided-member": "switched"}
LATER = 1e12


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Root]:
    """A root; `laid` puts a journal into it, and the boot is the one in which that was written."""
    monkeypatch.setenv("SHIPWAY_BOOT_ID", "none")
    with Root(f"{tmp_path}/root", create=True) as root:
        yield root


def laid(root: Root, kept: Path) -> None:
    with sqlite3.connect(f"{root.path}/{FILE}") as db:
        db.executescript(kept.read_text())
        os.environ["SHIPWAY_BOOT_ID"] = db.execute("SELECT value FROM meta WHERE key = 'boot'").fetchone()[0]
    db.close()


def names() -> list[str]:
    return [kept.stem for kept in KEPT]


def test_every_format_so_far_has_its_journals() -> None:
    whats = ("back", "committed", "discarded", "reverted", "undecided-lead", "undecided-member")
    assert names() == sorted(f"{number}-{what}" for number in range(1, int(FORMAT) + 1) for what in whats)


@pytest.mark.parametrize("kept", KEPT, ids=names())
def test_it_is_read_whole_and_its_chain_holds(place: Root, kept: Path) -> None:
    laid(place, kept)
    with Journal(place) as journal:
        journal.verify()
        record = journal.member()
        newest = record.attempts[-1]
        what = kept.stem.partition("-")[2]
        assert newest.stage == STAGES.get(what, what)
        seen = facts.look(Place(place, place.full("proxy"), record.name, "hash"), journal, verify=True)
        assert seen["member"]["name"] in ("a", "b")
        assert json.loads(json.dumps(seen["busy"])) == []
        if what == "discarded":
            unsettled = left(place, journal)
            assert [(task["task"], task["state"]) for task in unsettled] == [("migrate", "unknown")]


@pytest.mark.parametrize("kept", KEPT, ids=names())
def test_the_events_replayed_through_the_rules_give_the_record(place: Root, kept: Path) -> None:
    laid(place, kept)
    with Journal(place) as journal:
        stored, events = journal.member(), journal.events(limit=100_000)
    replayed = Member("")
    for event in events:
        data = event["data"]
        if event["kind"] == "named":
            replayed = replace(replayed, name=data["name"])
        elif event["kind"] == "member":
            replayed = at_some_time(replayed, data["message"], data["reply"], event["seq"])
    if stored.lease is None:  # one that ran out behind a decision leaves no event
        replayed = replace(replayed, lease=None)
    assert timeless(replayed) == timeless(stored)


def at_some_time(record: Member, message: Mapping[str, Any], told: Mapping[str, Any], seq: int) -> Member:
    """The record after a message that was answered like this. Renewals are no events, so the times between are not known: the rules must
    give this answer either while all leases and deadlines last, or when none does."""
    answers = []
    for now in (0.0, LATER):
        after, reply = decide.handle(record, message, now)
        if without_times(reply) == without_times(told) and (message["do"] not in ("tick", "ask") or after != record):
            return after
        answers.append(reply)
    pytest.fail(f"event {seq}: {message['do']} was answered {told}, and the rules answer {answers}")


def without_times(reply: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps({key: value for key, value in reply.items() if not key.startswith("seconds_")}))
    return told


def timeless(record: Member) -> dict[str, Any]:
    """The record without what the events leave out: times, and the key of the deployment.

    Agents before decision 0037 kept where a decision may be asked for behind a newer one as well; nobody asks there.
    """
    value = json.loads(json.dumps(decide.to_json(record)))
    for attempt in value["attempts"]:
        attempt["deadline"] = 0.0
        attempt["document"].pop("peer_key", None)
        for where in decide.TO_ASK if attempt["fence"] < value["attempts"][-1]["fence"] else ():
            attempt["document"].pop(where, None)
    for part in ("lease", "warm"):
        if value.get(part) is not None:
            value[part] = {key: told for key, told in value[part].items() if key not in ("since", "until")}
    return dict(value)


@pytest.mark.parametrize("kept", [kept for kept in KEPT if kept.stem.endswith(("undecided-lead", "undecided-member", "back"))])
def test_what_is_undecided_is_settled_by_the_next_driver(place: Root, kept: Path) -> None:
    laid(place, kept)
    with Journal(place) as journal:
        record = journal.member()
        (open_one,) = record.open()
        later = clock.boot_now() + LATER
        number = record.fence + 1
        lease = {"do": "lease", "deployment": "next", "fence": number, "owner": "ann", "seconds": 30.0, "lead": "a", "members": ["a", "b"]}
        assert journal.decide({**lease, "confirm_seconds": 60.0}, later)["ok"]
        asked = {"deployment": open_one.deployment, "fence": number}
        settled = {"do": "undo", **asked} if record.name == "a" else {"do": "tell", "decision": "reverted", **asked}
        assert journal.decide(settled, later)["decision"] == "reverted"
        assert journal.member().current == open_one.base
        journal.verify()


@pytest.mark.parametrize("kept", KEPT, ids=names())
def test_after_a_reboot_nothing_unconfirmed_serves(place: Root, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laid(place, kept)
    monkeypatch.setenv("SHIPWAY_BOOT_ID", "another")
    with Journal(place) as journal:
        record = journal.member()
        assert all(attempt.stage not in INTENT or attempt.stage == "back" for attempt in record.attempts)
        assert all(record.current == attempt.base for attempt in record.open())
        journal.verify()


def test_a_newer_format_is_refused_before_anything_is_written(place: Root) -> None:
    laid(place, KEPT[0])
    with sqlite3.connect(f"{place.path}/{FILE}") as db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'format'", (str(int(FORMAT) + 1),))
        db.execute("DROP TABLE good")
    db.close()
    before = Path(place.path, FILE).read_bytes()
    with pytest.raises(AgentError, match="written by a newer Shipway") as caught:
        Journal(place)
    assert caught.value.code == "format"
    assert Path(place.path, FILE).read_bytes() == before
    assert not Path(place.path, MARK).exists()


# ------------------------------------------------------------------ what is torn


def test_a_journal_that_is_gone_is_never_taken_for_a_new_one(place: Root) -> None:
    laid(place, KEPT[0])
    with Journal(place) as journal:
        journal.event("note", "", {})
    for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
        Path(place.path, name).unlink(missing_ok=True)
    with pytest.raises(AgentError, match="is gone, or empty") as caught:
        Journal(place)
    assert caught.value.code == "journal" and place.path in caught.value.message and "--fix" in caught.value.message
    assert not Path(place.path, FILE).exists()
    Path(place.path, MARK).unlink()
    place.link("current", "generations/000001")
    with pytest.raises(AgentError, match="is gone, or empty"):
        Journal(place)
    place.unlink("current")
    Journal(place).close()


@pytest.mark.parametrize("share", [1.0, 0.9, 0.5, 0.0])
def test_a_log_that_was_cut_short_is_a_loud_stop(place: Root, tmp_path: Path, share: float) -> None:
    laid(place, KEPT[0])
    torn = tmp_path / "torn"
    torn.mkdir(0o700)
    with Journal(place) as journal:
        seq = journal.event("note", "d-1", {})
        for name in (FILE, f"{FILE}-wal", MARK):  # as the power fails: what was written is in the log, nothing of it in the file
            shutil.copy(f"{place.path}/{name}", torn / name)
    log = torn / f"{FILE}-wal"
    os.truncate(log, int(log.stat().st_size * share))
    with Root(str(torn)) as root:
        if share == 1.0:
            with Journal(root) as whole:
                assert whole.newest() == seq
            return
        with pytest.raises(AgentError, match="a part of it is lost") as caught:
            Journal(root)
        assert caught.value.code == "journal" and "--fix" in caught.value.message


def test_a_record_of_an_agent_that_sealed_none_is_read(place: Root) -> None:
    laid(place, KEPT[0])
    with Journal(place) as journal:
        record = journal.member()
    with sqlite3.connect(f"{place.path}/{FILE}") as db:
        (text,) = db.execute("SELECT json FROM member").fetchone()
        value = json.loads(text)
        del value["digest"]
        db.execute("UPDATE member SET json = ?", (json.dumps(value, sort_keys=True, separators=(",", ":")),))
    db.close()
    with Journal(place) as journal:
        assert journal.member() == record


def test_a_flipped_byte_anywhere_is_found_or_changes_nothing(place: Root, tmp_path: Path) -> None:
    laid(place, next(kept for kept in KEPT if kept.stem.endswith("reverted")))
    with Journal(place) as journal:
        journal.decide({"do": "finish", "deployment": "none", "fence": 0}, clock.boot_now())
        kept = everything(journal)
    whole = Path(place.path, FILE).read_bytes()
    chance = random.Random(7)
    found = 0
    with Root(f"{tmp_path}/flipped", create=True) as root:
        for position in sorted(chance.sample(range(len(whole)), 120)):
            for name in root.names():
                root.remove(name)
            flipped = bytearray(whole)
            flipped[position] ^= 1 << chance.randrange(8)
            root.write(FILE, bytes(flipped))
            try:
                with Journal(root) as journal:
                    journal.verify()
                    assert everything(journal) == kept, f"byte {position} changed what is read, and nobody noticed"
            except AgentError as error:
                assert error.code in ("journal", "tampered", "format"), error.message
                assert root.path in error.message
                found += 1
    assert found > 20


def everything(journal: Journal) -> object:
    """All that decides: the record, the events, and how each step ended. When, and by which process, is for people only."""
    attempts = journal.member().attempts
    steps = [(step.deployment, step.key, step.state, step.data) for attempt in attempts for step in journal.steps(attempt.deployment)]
    return journal.member(), journal.events(limit=100_000), steps


def test_a_host_with_an_unsound_journal_does_not_vote(place: Root) -> None:
    laid(place, next(kept for kept in KEPT if kept.stem.endswith("committed")))
    with sqlite3.connect(f"{place.path}/{FILE}") as db:
        db.execute("UPDATE events SET json = replace(json, 'e', 'f') WHERE seq = 3")
    db.close()
    with Journal(place) as journal:
        context = Context(place, "", journal, "next", 9, "member:vote", float("inf"), lambda event: None)
        with pytest.raises(AgentError) as caught:
            member.tell(context, {"do": "vote", "deployment": "next", "fence": 9})
        assert caught.value.code == "tampered"
        seen = facts.look(Place(place, place.full("proxy"), "a", "hash"), journal, verify=True)
        assert any("event 3 is not what was written" in text for text in seen["drift"])
