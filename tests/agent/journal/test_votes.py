"""A vote reads what no vote has read before it, and everything again when that may be another journal or was a day ago."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest

from shipway_agent import clock
from shipway_agent.errors import AgentError
from shipway_agent.journal import FILE, Journal, Tampered
from shipway_agent.journal.shortening import shorten
from shipway_agent.root import Root
from tests.agent.journal.acts import NOW, beside, lease, spoil

HOUR = 3600.0


def by_hand(root: Root, edit: str) -> None:
    other = beside(root)
    assert other.execute(edit).rowcount == 1
    other.close()


def lived_in(journal: Journal) -> int:
    """The number of an event of a deployment long ago, with a step and many events behind it."""
    journal.decide(lease(), NOW)
    journal.begin_step("d1", "tree", 1, now=NOW)
    journal.end_step("d1", "tree", "done", {"files": 3})
    early = journal.event("note", "d1", {"n": 1})
    for number in range(10):
        journal.event("note", "d2", {"n": number})
    return early


def test_what_a_vote_has_read_the_next_one_does_not_read_and_verify_does(journal: Journal, root: Root) -> None:
    early = lived_in(journal)
    journal.verify_for_vote()
    by_hand(root, f"UPDATE events SET at = at + 1 WHERE seq = {early}")
    journal.event("note", "d3", {})
    journal.verify_for_vote()
    with pytest.raises(Tampered, match=f"event {early} is"):
        journal.verify()


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE events SET at = at + 1 WHERE seq = (SELECT max(seq) FROM events) - 1",
        "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events) - 1",
        "UPDATE steps SET json = '{}' WHERE key = 'late'",
        "DELETE FROM steps WHERE key = 'late'",
        "UPDATE member SET json = replace(json, 'ann', 'bob')",
    ],
)
def test_what_came_since_the_last_vote_is_read(journal: Journal, root: Root, edit: str) -> None:
    lived_in(journal)
    journal.verify_for_vote()
    journal.begin_step("d1", "late", 1, now=NOW)
    journal.end_step("d1", "late", "done", {"files": 1})
    by_hand(root, edit)
    with pytest.raises(AgentError, match="is not what was written"):
        journal.verify_for_vote()


def test_a_vote_reads_the_pages_of_what_a_deployment_decides_by(root: Root) -> None:
    """One byte of an index, and a task that is done was never begun."""
    with Journal(root) as journal:
        lived_in(journal)
        journal.verify_for_vote()
        journal.begin_step("d1", "task:late", 1, now=NOW)
        journal.end_step("d1", "task:late", "done", {})
    spoil(root, "sqlite_autoindex_steps_1", b"task:late", b"tasj")
    with Journal(root) as journal:
        assert journal.step("d1", "task:late") is None
        with pytest.raises(AgentError, match="a page of it"):
            journal.verify_for_vote()


def another_day(root: Root, patch: pytest.MonkeyPatch) -> None:
    now = clock.boot_now()
    patch.setattr(clock, "boot_now", lambda: now + 23 * HOUR)
    with Journal(root) as journal:
        journal.verify_for_vote()  # which makes it no younger
    patch.setattr(clock, "boot_now", lambda: now + 25 * HOUR)


def another_boot(root: Root, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("SHIPWAY_BOOT_ID", "the next boot")


def another_file(root: Root, patch: pytest.MonkeyPatch) -> None:
    shutil.copy(f"{root.path}/{FILE}", f"{root.path}/copy")
    os.rename(f"{root.path}/copy", f"{root.path}/{FILE}")


def another_note(root: Root, patch: pytest.MonkeyPatch) -> None:
    by_hand(root, 'UPDATE meta SET value = replace(value, \'"since":\', \'"since":"","was":\') WHERE key = \'read\'')


def another_event(root: Root, patch: pytest.MonkeyPatch) -> None:
    by_hand(root, "UPDATE meta SET value = replace(value, '\"hash\":\"', '\"hash\":\"0') WHERE key = 'read'")


def another_place(root: Root, patch: pytest.MonkeyPatch) -> None:
    by_hand(root, "UPDATE meta SET value = replace(value, '\"seq\":', '\"seq\":9') WHERE key = 'read'")


@pytest.mark.parametrize("becomes", [another_day, another_boot, another_file, another_note, another_event, another_place])
def test_everything_is_read_again(root: Root, monkeypatch: pytest.MonkeyPatch, becomes: Callable[[Root, pytest.MonkeyPatch], None]) -> None:
    with Journal(root) as journal:
        early = lived_in(journal)
        journal.verify_for_vote()
    by_hand(root, f"UPDATE events SET at = at + 1 WHERE seq = {early}")
    with Journal(root) as journal:
        journal.verify_for_vote()
    becomes(root, monkeypatch)
    with Journal(root) as journal:
        for _ in range(2):  # what was not found sound was not read
            with pytest.raises(Tampered, match=f"event {early} is"):
                journal.verify_for_vote()


def test_a_journal_that_was_shortened_behind_the_last_vote_is_read_from_its_cut(journal: Journal) -> None:
    early = lived_in(journal)
    journal.decide({"do": "undo", "deployment": "d1", "fence": 1}, NOW)
    journal.verify_for_vote()
    journal.event("note", "d3", {})
    assert shorten(journal, frozenset(), keep=1, slack=0) > early
    journal.verify_for_vote()
    journal.event("note", "d3", {})
    journal.verify_for_vote()


def test_a_vote_costs_the_same_however_old_the_journal_is(journal: Journal) -> None:
    """Counted in instructions of SQLite, so that it holds on any machine."""

    def cost() -> int:
        count = [0]

        def step() -> int:
            count[0] += 1
            return 0

        journal._file.db.set_progress_handler(step, 10)
        journal.verify_for_vote()
        journal._file.db.set_progress_handler(None, 0)
        return count[0]

    def grow(events: int) -> None:
        with journal.transaction():
            for number in range(events):
                journal.event("note", "d1", {"n": number})

    grow(50)
    journal.verify_for_vote()
    grow(50)
    young = cost()
    grow(2000)
    journal.verify_for_vote()
    grow(50)
    assert cost() <= 1.2 * young
