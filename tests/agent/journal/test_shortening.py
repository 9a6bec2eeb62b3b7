"""A journal that is shortened keeps the newest deployments and a chain that holds; what was cut off cannot be hidden by hand."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway_agent.journal import FILE, Journal, Tampered
from shipway_agent.journal.shortening import shorten
from shipway_agent.root import Root

NOW = 100.0


@contextmanager
def journal_of(deployments: int, notes: list[int], *, open_one: int | None = None) -> Iterator[Journal]:
    """A host that has seen so many deployments, each committed, with a step and some notes; one may be undecided."""
    directory = tempfile.mkdtemp()
    try:
        with Root(f"{directory}/root", create=True) as root, Journal(root) as journal:
            journal.name_member("a")
            for number in range(1, deployments + 1):
                one(journal, number, notes[number % len(notes)] if notes else 0, decided=number != open_one)
            yield journal
    finally:
        shutil.rmtree(directory)


def one(journal: Journal, number: int, notes: int, *, decided: bool = True) -> None:
    of = {"deployment": f"d{number}", "fence": number}
    lease = {"do": "lease", **of, "owner": "ann", "seconds": 30.0, "lead": "a", "members": ["a"], "confirm_seconds": 60.0}
    tell(journal, lease)
    journal.begin_step(f"d{number}", "tree", number, now=NOW)
    journal.end_step(f"d{number}", "tree", "done", {"n": number})
    for note in range(notes):
        journal.event("note", f"d{number}", {"n": note})
    if not decided:
        tell(journal, {"do": "finish", **of})
        return
    tell(journal, {"do": "undo", **of})
    tell(journal, {"do": "finish", **of})


def tell(journal: Journal, message: dict[str, Any]) -> None:
    assert journal.decide(message, NOW)["ok"], message


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 12), st.lists(st.integers(0, 3), max_size=4), st.integers(1, 6))
def test_the_newest_deployments_stay_whole_and_the_chain_holds(deployments: int, notes: list[int], keep: int) -> None:
    with journal_of(deployments, notes) as journal:
        before = journal.events(limit=100_000)
        gone = shorten(journal, frozenset(), keep=keep, slack=0)
        journal.verify()
        after = journal.events(limit=100_000)
        assert after[: len(before) - gone] == before[gone:], "what stays is what it was, with its numbers"
        newest = {f"d{number}" for number in range(max(1, deployments - keep + 1), deployments + 1)}
        assert {event["deployment"] for event in after} - {""} == newest
        assert all(journal.step(deployment, "tree") is not None for deployment in newest)
        one(journal, deployments + 1, 1)
        journal.verify()
        shorten(journal, frozenset(), keep=keep, slack=0)
        journal.verify()
        assert len({event["deployment"] for event in journal.events(limit=100_000)} - {""}) == min(keep, deployments + 1)


def test_a_deployment_that_is_not_settled_is_never_cut() -> None:
    with journal_of(2, []) as journal:
        lease = {"do": "lease", "deployment": "open", "fence": 3, "owner": "ann", "seconds": 1e9, "lead": "a", "members": ["a"]}
        tell(journal, {**lease, "confirm_seconds": 60.0})
        for number in range(20):
            journal.event("note", f"later-{number}", {})
        shorten(journal, frozenset(), keep=3, slack=0)
        journal.verify()
        first = journal.events(limit=1)[0]
        assert first["deployment"] == "open" and first["data"]["message"]["do"] == "lease"


def test_few_deployments_more_than_are_kept_cut_nothing_yet() -> None:
    with journal_of(5, []) as journal:
        assert shorten(journal, frozenset(), keep=3, slack=2) == 0
        assert shorten(journal, frozenset(), keep=3, slack=1) > 0


def test_what_was_done_once_for_a_release_is_remembered_while_it_is_here() -> None:
    with journal_of(1, []) as journal:
        lease = {"do": "lease", "deployment": "d2", "fence": 2, "owner": "ann", "seconds": 1e9, "lead": "a", "members": ["a"]}
        tell(journal, {**lease, "confirm_seconds": 60.0})
        for release in ("here", "gone"):
            journal.begin_step(f"release:{release}", "task:install:1", 2, now=NOW, on_behalf_of="d2")
            journal.end_step(f"release:{release}", "task:install:1", "done", {})
        tell(journal, {"do": "finish", "deployment": "d2", "fence": 2})
        for number in range(3, 9):
            one(journal, number, 0)
        assert shorten(journal, frozenset({"here"}), keep=2, slack=0) > 0
        journal.verify()
        assert journal.step("release:here", "task:install:1") is not None
        assert journal.step("release:gone", "task:install:1") is None


@pytest.mark.parametrize(
    "edit",
    [
        "DELETE FROM events WHERE seq = (SELECT min(seq) FROM events)",
        "DELETE FROM meta WHERE key = 'cut'",
        "UPDATE meta SET value = replace(value, 'seq\": ', 'seq\": 1') WHERE key = 'cut'",
        "further",
    ],
)
def test_a_cut_made_by_hand_is_found(edit: str) -> None:
    with journal_of(6, [1]) as journal:
        assert shorten(journal, frozenset(), keep=3, slack=0) > 0
        with sqlite3.connect(Path(journal.root.path, FILE)) as other:
            if edit == "further":  # as our own cut does it, except for the event that says so
                seq, digest = other.execute("SELECT seq, hash FROM events ORDER BY seq LIMIT 1 OFFSET 2").fetchone()
                other.execute("DELETE FROM events WHERE seq <= ?", (seq,))
                other.execute("UPDATE meta SET value = ? WHERE key = 'cut'", (json.dumps({"hash": digest, "seq": seq}),))
            else:
                other.execute(edit)
        other.close()
        with pytest.raises(Tampered):
            journal.verify()
