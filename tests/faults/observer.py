"""Runs on a host beside the agent: a root in, a JSON line out whenever its link or its record has changed. Python 3.9, reads only.

Each line says between which two times it became true: `after` the look before this one began, and by the end of this one, `at`.
A line with nothing but `looked` says that nothing has changed until then.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from typing import Any

PAUSE_SECONDS = 0.02
TELL_SECONDS = 0.2


class Observer:
    """Looks again and again, and says what is new. The journal is read through a connection that cannot write."""

    def __init__(self, root: str, spare: str, wish: str) -> None:
        self.root = root
        self.rows = (spare, wish)
        self.db: sqlite3.Connection | None = None
        self.inode = 0
        self.changes = -1
        self.record: dict[str, Any] = {}
        self.versions: dict[int, str] = {}

    def look(self) -> dict[str, Any]:
        link = self.link()
        self.read()
        return {"link": link, "version": self.version(link), **self.record}

    def link(self) -> int | None:
        try:
            return int(os.path.basename(os.readlink(f"{self.root}/current")))
        except (OSError, ValueError):
            return None

    def version(self, link: int | None) -> str:
        if link is None:
            return ""
        try:
            if link not in self.versions:
                with open(f"{self.root}/generations/{link:06d}/generation.json", encoding="utf-8") as file:
                    self.versions[link] = str(json.load(file)["version"]).removeprefix("v")
            return self.versions[link]
        except (OSError, ValueError):
            return ""

    def read(self) -> None:
        try:
            inode = os.stat(f"{self.root}/journal.db").st_ino
            if self.db is None or inode != self.inode:
                self.db = sqlite3.connect(f"file:{self.root}/journal.db?mode=ro", uri=True, timeout=5, isolation_level=None)
                self.inode, self.changes = inode, -1
            changes = self.db.execute("PRAGMA data_version").fetchone()[0]
            if changes != self.changes:
                found = self.db.execute("SELECT json FROM member WHERE id = 1").fetchone()
                self.record = {**project(json.loads(found[0])), **self.pruned()} if found else {}
                self.changes = changes
        except (OSError, sqlite3.Error):
            self.db = None

    def pruned(self) -> dict[str, Any]:
        """What there is of rows that tell of a spare tree, and of the wish to prune behind which one is laid."""
        assert self.db is not None
        rows = dict(self.db.execute("SELECT key, value FROM meta WHERE key IN (?, ?)", self.rows))
        spare, wish = self.rows
        return {"spare": rows.get(spare, "").partition(" ")[0], "wish": wish in rows}


def project(member: dict[str, Any]) -> dict[str, Any]:
    """What matters of a record: times of leases and deadlines change all the time."""
    lease = member["lease"]
    return {
        "current": member["current"],
        "fence": member["fence"],
        "lease": lease and lease["deployment"],
        "held": (member.get("held") or {}).get("deployment"),
        "stages": {a["deployment"]: a["stage"] for a in member["attempts"][-8:]},
    }


def main() -> None:
    observer, last, after, told = Observer(*sys.argv[1:4]), None, 0.0, 0.0
    while True:
        began = time.time()
        now = observer.look()
        if now != last:
            print(json.dumps({"after": after, "at": time.time(), **now}), flush=True)
            last = now
        if began > told + TELL_SECONDS:
            print(json.dumps({"looked": began}), flush=True)
            told = began
        after = began
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)  # nobody watches any more
