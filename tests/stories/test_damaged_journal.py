"""A disk damages a host's journal while all is well: it is said with the command that leads out, and that one fails no request."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from shipway_agent.root import Root
from tests.agent.journal.acts import spoil
from tests.stories.proof import visit
from tests.stories.shop import Shop

FOUND = "a page of it is not what was written"
OUT = "shipway doctor local --fix"
PAGE_BYTES = 4096


def test_a_damaged_journal_is_said_once_and_remembered_by_status(place: Path) -> None:
    shop = Shop(place, ("a", "b"))
    shop.project.deploy("v1")
    with Root(str(shop.roots["b"])) as root:
        spoil(root, "sqlite_autoindex_steps_1", b"start", b"stars")

    said = shop.project.run("deploy", "local", code=1)
    assert said.text.count("what serves goes on") == 1, said.text
    assert f"UNDONE: b in step vote: prepared: {shop.roots['b']}/journal.db: {FOUND}" in said.text and OUT in said.text, said.text
    assert shop.version() == "1"

    said = shop.project.run("status", "local", code=4)
    assert "the journal of b is damaged" in said.text and OUT in said.text

    assert "its record, which proves itself, was taken over" in shop.project.run("doctor", "local", "--fix").text
    shop.project.run("status", "local")
    shop.project.deploy("v5")
    assert shop.version() == "5"


def damage(root: Path, how: str) -> None:
    """What a disk may do to the file, behind all that was written."""
    path = root / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = dict(db.execute("SELECT name, rootpage FROM sqlite_master"))
    size = path.stat().st_size
    if how == "truncated":
        os.truncate(path, size // 2)
        return
    where = {
        "header": 0,
        "middle": 2 * PAGE_BYTES,
        "steps": (pages["steps"] - 1) * PAGE_BYTES,
        "record": (pages["member"] - 1) * PAGE_BYTES,
    }
    much = {"header": 100, "middle": size - 3 * PAGE_BYTES}.get(how, PAGE_BYTES)
    with open(path, "r+b") as file:
        file.seek(where[how])
        file.write(b"\xa5" * much)


@contextmanager
def visitors(door: str) -> Iterator[Counter[str]]:
    """One after the other as long as the block lasts: how many were served with 200, and what else became of some."""
    answers: Counter[str] = Counter()
    ended = threading.Event()

    def go() -> None:
        while not ended.wait(0.01):
            said = visit(door)
            answers["200" if said.startswith("200 ") else said] += 1

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield answers
    finally:
        ended.set()
        thread.join()


HOW = [("header", True), ("steps", True), ("record", False), ("middle", False), ("truncated", False)]


@pytest.mark.parametrize(("how", "proves_itself"), HOW)
def test_the_way_out_of_a_damaged_journal_fails_no_request(place: Path, how: str, proves_itself: bool) -> None:
    """Its supervisor runs and it serves: every command says what to type, that makes a sound journal, and all works again."""
    shop = Shop(place)
    shop.project.deploy("v1")
    shop.project.deploy("v2")
    with visitors(shop.door) as answers:
        pid = shop.about()["pid"]
        damage(shop.root, how)
        for words, code in ((("status", "local"), 4), (("deploy", "local"), 1 if how == "steps" else 3), (("doctor", "local"), 1)):
            said = shop.project.run(*words, code=code)
            assert "what serves goes on" in said.text and OUT in said.text, said.text
        said = shop.project.run("doctor", "local", "--fix")
        assert ("which proves itself" in said.text) == proves_itself, said.text
        assert ("what the last deployments here were decided to be" in said.text) != proves_itself, said.text
        assert "journal-damaged/" in said.text and len(list((shop.root / "journal-damaged").iterdir())) == 1
        shop.project.run("status", "local")
        assert shop.about()["pid"] == pid, "what served goes on"
        if proves_itself:
            shop.project.run("rollback", "local")
            assert shop.version() == "1"
        shop.project.deploy("v5")
        assert shop.version() == "5"
        shop.project.run("rollback", "local")
        shop.project.run("doctor", "local")
    assert answers["200"] > 100 and set(answers) == {"200"}, answers
