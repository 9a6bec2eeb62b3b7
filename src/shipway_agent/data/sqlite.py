"""A SQLite database below `shared/` in; out, copies of it through SQLite's own backup interface, checked page by page.

A copy is one snapshot, however many write meanwhile: the whole of it is read in one transaction.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from typing import Any, Callable, Dict, List, Mapping, Set
from urllib.parse import quote

from shipway_agent.data.content import CHUNK, Progress, digest_of_file
from shipway_agent.data.declared import Declared
from shipway_agent.data.programs import Work
from shipway_agent.errors import AgentError
from shipway_agent.folder import Folder
from shipway_agent.ownership import command_of
from shipway_agent.root import Root

CONTENT = "database"
PAGES = 2048
BUSY_SECONDS = 30.0
LOOK_SECONDS = 1.0
BUSY, LOCKED = 5, 6
"""Of SQLite, for which Python 3.9 has no names."""

TOLD = 10
DONE = ".done"
"""Ending of the mark beside what is kept: the copy took the place."""

ENDINGS = ("-wal", "-journal", "")
"""Of the files of a database; its own is the last that gets its name."""

Say = Callable[[str], None]


class Sqlite:
    """One file. It must be there: a path that is wrong is not taken for an empty database."""

    def __init__(self, root: Root, data: Declared, work: Work) -> None:
        """Raises AgentError `no-database`."""
        self._root = root
        self._data = data
        self._work = work
        self.relative = f"shared/{data.path}"
        found = root.stat(self.relative)
        if found is None or found.st_size == 0:
            what = "is not there" if found is None else "is an empty file"
            full = root.full(self.relative)
            raise AgentError("no-database", f"{full} {what}; data {data.name} says that a database is there", path=full)
        os.close(root.file(self.relative))  # a regular file of this user, and no link

    def copy(self, into: Folder, progress: Progress) -> Dict[str, Any]:
        """{"server", "tables": {name: {"rows", "sum"}}, "digest", "bytes"}. Raises AgentError `dump`, `data-timeout`, `ended`."""
        try:
            path = self._root.full(self.relative)
            with closing(_open(path, "rw")) as source, closing(sqlite3.connect(f"{into.path}/{CONTENT}")) as target:
                size = int(source.execute("PRAGMA page_size").fetchone()[0])
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the snapshot is of this moment

                def look(_: int, left: int, total: int) -> None:
                    self._refuse_late("the copy")
                    progress.at((total - left) * size)

                source.backup(target, pages=PAGES, progress=look)
                source.rollback()
                target.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            raise AgentError("dump", f"{self._root.full(self.relative)} cannot be copied: {error}") from None
        tables = self._looked_through(into.full(CONTENT))
        digest, written = digest_of_file(into, CONTENT)
        return {"server": {"version": sqlite3.sqlite_version}, "tables": tables, "digest": digest, "bytes": written}

    def read(self, point: Folder, about: Mapping[str, Any]) -> None:
        """Read a copy back whole. Raises AgentError `point-damaged`."""
        digest, size = digest_of_file(point, CONTENT)
        if (digest, size) != (about["digest"], about["bytes"]):
            raise AgentError("point-damaged", f"{point.full(CONTENT)} is not what was written there: {size} bytes, {digest[:12]}")
        tables = self._looked_through(point.full(CONTENT))
        if tables != about["tables"]:
            raise AgentError("point-damaged", f"{point.full(CONTENT)} has other rows than were copied")

    def counts(self) -> Dict[str, Any]:
        """The rows of every table as they are now. Raises AgentError `point-damaged` where they cannot be counted."""
        path = self._root.full(self.relative)
        try:
            with closing(_open(path, "rw")) as live:
                return {name: {"rows": _rows(live, name)} for name in _tables(live)}
        except sqlite3.Error as error:
            raise AgentError("point-damaged", f"{path} cannot be read: {error}") from None

    def put_back(self, point: Folder, about: Mapping[str, Any], stamp: str, say: Say) -> Dict[str, Any]:
        """Write a copy over the live database, in one transaction of it: whoever has it open goes on, and sees the old rows or the new.

        What was there is kept beside it: {"kept", "swap_seconds"}. `stamp` is of one restore: where its copy took the place already,
        nothing is done twice. Raises AgentError `swap`, `data-timeout`, `ended`; nothing has changed then.
        """
        path = self._root.full(self.relative)
        kept = f"{path}.before-{stamp}"
        mark = f"{self.relative}.before-{stamp}{DONE}"
        if self._root.stat(mark) is not None:
            return {"kept": kept, "swap_seconds": 0.0}
        say(f"what is there now is kept as {kept}")
        if not os.path.exists(kept):  # of the same restore, begun before
            aside = f"{kept}.new"
            self._keep(path, aside)
            for ending in ENDINGS:
                if os.path.exists(aside + ending):
                    os.rename(aside + ending, kept + ending)
        began = time.monotonic()
        try:
            with closing(_open(point.full(CONTENT), "ro&immutable=1")) as source, closing(_open(path, "rw", LOOK_SECONDS)) as live:
                source.backup(live, pages=PAGES, progress=self._patience(path))  # one transaction, that of `live`: broken off, it is undone
        except sqlite3.Error as error:
            raise AgentError("swap", f"{path} could not be written: {error}") from None
        seconds = time.monotonic() - began
        self._root.write(mark, b"")
        try:
            if self.counts() != about["tables"]:
                say("somebody has written to it since")
        except AgentError as error:
            say(error.message)  # it is in its place all the same
        return {"kept": kept, "swap_seconds": round(seconds, 3)}

    def _keep(self, path: str, kept: str) -> None:
        """A copy of what is there, byte for byte where SQLite cannot read it any more."""
        try:
            with closing(_open(path, "rw", LOOK_SECONDS)) as source, closing(sqlite3.connect(kept)) as target:
                source.backup(target, pages=-1, progress=self._patience(path))
        except sqlite3.Error:
            for ending in ENDINGS:
                if os.path.exists(path + ending):
                    with open(path + ending, "rb") as source, open(kept + ending, "wb") as target:
                        while part := source.read(CHUNK):
                            target.write(part)

    def _patience(self, path: str) -> Callable[[int, int, int], None]:
        """What looks at each step of a backup: without it, one that waits for somebody's transaction waits for ever."""
        since = time.monotonic()

        def look(code: int, left: int, total: int) -> None:
            nonlocal since
            if code & 0xFF not in (BUSY, LOCKED):
                since = time.monotonic()
            elif time.monotonic() >= since + BUSY_SECONDS:
                message = f"{path} was in a transaction of somebody for {BUSY_SECONDS:g} s; end who has it open: {_holders(path)}"
                raise AgentError("swap", message, path=path)
            if left or code & 0xFF in (BUSY, LOCKED):
                self._refuse_late("the restore")

        return look

    def _refuse_late(self, what: str) -> None:
        if self._work.moot():
            raise AgentError("ended", f"{what} was ended, for nobody waits for it any more")
        if self._work.left() <= 0:
            raise AgentError("data-timeout", f"{what} did not end within its bound")

    def _looked_through(self, path: str) -> Dict[str, Any]:
        """Every page checked, every row counted."""
        try:
            with closing(_open(path, "ro&immutable=1")) as copied:
                said = [str(row[0]) for row in copied.execute(f"PRAGMA integrity_check({TOLD})")]
                if said != ["ok"]:
                    raise AgentError("point-damaged", f"{self._root.full(self.relative)} is damaged: {said[0]}", said)
                return {name: {"rows": _rows(copied, name)} for name in _tables(copied)}
        except sqlite3.Error as error:
            raise AgentError("point-damaged", f"{path} is no database that can be read: {error}") from None


def _open(path: str, mode: str, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(path)}?mode={mode}", uri=True, timeout=busy_seconds, isolation_level=None)


def _holders(path: str) -> str:
    """Processes that have a database open, besides this one."""
    files = {path, *(path + ending for ending in ENDINGS)}
    found = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if pid != os.getpid() and files & _files_of(pid)]
    return ", ".join(f"process {pid} ({command_of(pid)})" for pid in found) or "a process of another user"


def _files_of(pid: int) -> Set[str]:
    found: Set[str] = set()
    folder = f"/proc/{pid}/fd"
    try:
        for name in os.listdir(folder):
            try:
                found.add(os.readlink(f"{folder}/{name}"))
            except OSError:
                continue  # closed in between
    except OSError:
        pass  # gone, or another user's
    return found


def _tables(connection: sqlite3.Connection) -> List[str]:
    """Those with rows of their own: the shadow tables of a virtual one are among them, it is not."""
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "ORDER BY name"
    )
    return [str(row[0]) for row in rows]


def _rows(connection: sqlite3.Connection, table: str) -> int:
    name = '"' + table.replace('"', '""') + '"'
    return int(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0])  # noqa: S608  # no parameter can be a table
