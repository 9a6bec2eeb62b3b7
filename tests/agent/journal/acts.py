"""What a driver says to a host, and somebody with a tool to its journal, in a word each."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from shipway_agent.journal import FILE, Journal
from shipway_agent.root import Root

NOW = 100.0


def lease(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "do": "lease",
        "deployment": f"d{number}",
        "owner": "ann@laptop",
        "fence": number,
        "seconds": 30.0,
        "lead": "a",
        "members": ["a"],
        "confirm_seconds": 60.0,
        **more,
    }


def switched(journal: Journal, number: int = 1) -> None:
    journal.decide(lease(number), NOW)
    for do in ("vote", "start", "ready", "arm", "switched"):
        assert journal.decide({"do": do, "deployment": f"d{number}", "fence": number}, NOW)["ok"]


def spoil(root: Root, name: str, was: bytes, becomes: bytes) -> None:
    """Change bytes on the first page of a table or an index, as a disk may. Nobody has the journal open."""
    with closing(beside(root)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
        size = db.execute("PRAGMA page_size").fetchone()[0]
    with open(f"{root.path}/{FILE}", "r+b") as file:
        file.seek((page - 1) * size)
        where = file.tell() + file.read(size).index(was)
        file.seek(where)
        file.write(becomes)


def beside(root: Root) -> sqlite3.Connection:
    """The file, opened by somebody with a tool."""
    return sqlite3.connect(f"{root.path}/{FILE}", isolation_level=None)
