"""A database with migrations in; out, questions to it in SQL, and the lock that is held in it while one of them runs."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import Any, Iterator, List, Optional, Protocol, Sequence
from urllib.parse import quote

from shipway_agent.data.address import environment_of
from shipway_agent.data.declared import Declared
from shipway_agent.data.programs import Work
from shipway_agent.data.psql import Psql, literal
from shipway_agent.errors import AgentError
from shipway_agent.root import Root

FOLDER = "migrations"
"""Where a host keeps what it must remember of them, by data."""

KEY = (0x53686970, 0x77617921)
"""Of the advisory lock: "Ship", "way!". The database itself is the rest of its name."""

LOOK_AGAIN_SECONDS = 0.25
PING_SECONDS = 1.0

SIZES = (
    "SELECT json_build_array(CASE WHEN n.nspname = 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END, "
    "pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1::text;"
)
HOLDER = (
    "SELECT json_build_array(a.pid, a.usename, a.application_name, coalesce(host(a.client_addr), 'this host'), "
    "round(extract(epoch FROM now() - a.backend_start))) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
    "WHERE l.locktype = 'advisory' AND l.classid::bigint = {one} AND l.objid::bigint = {other} AND l.granted "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());"
)


class Database(Protocol):
    """One session with it, as the application's own user."""

    def rows(self, table: str, columns: Sequence[str], order: str) -> List[List[str]]:
        """The rows of one of our own tables or of a framework's, as text; none where there is no such table."""

    def sizes(self) -> List[List[Any]]:
        """[table, bytes] of every table, where the database tells."""


class PostgresDatabase:
    """By psql. `session` takes whatever SQL there is; nothing of ours is set in it but how long it waits for a lock."""

    def __init__(self, data: Declared, work: Work, lock_seconds: float) -> None:
        """Raises AgentError `no-url`, `data-url`, `no-program`, `database`."""
        if not data.url:
            raise AgentError("no-url", f"data {data.name} has no url", data=data.name)
        address = {**environment_of(data.url, what=f"data {data.name}"), "PGAPPNAME": "shipway migrations"}
        self.session = Psql(work, address)
        self.session.do(f"RESET ALL; SET client_min_messages = warning; SET lock_timeout = {round(lock_seconds * 1000)};")

    def rows(self, table: str, columns: Sequence[str], order: str) -> List[List[str]]:
        if self.session.one(f"SELECT json_build_array(to_regclass({literal(table)}) IS NOT NULL);") != [True]:
            return []
        shown = ", ".join(f"{column}::text" for column in columns)
        template = "SELECT json_build_array({shown}) FROM {table} ORDER BY {order};"
        return [[str(value) for value in row] for row in self.session.rows(template.format(shown=shown, table=table, order=order))]

    def sizes(self) -> List[List[Any]]:
        return self.session.rows(SIZES)


class SqliteDatabase:
    """By Python's own module. `connection` is in no transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def rows(self, table: str, columns: Sequence[str], order: str) -> List[List[str]]:
        there = self.connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
        if there is None:
            return []
        template = "SELECT {shown} FROM {table} ORDER BY {order}"
        found = self.connection.execute(template.format(shown=", ".join(columns), table=table, order=order))
        return [[str(value) for value in row] for row in found]

    def sizes(self) -> List[List[Any]]:
        return []


@contextmanager
def opened(root: Root, data: Declared, work: Work, lock_seconds: float = 10.0) -> Iterator[Database]:
    """A session, ended with the block. A database of SQLite that is not there yet is made by whoever writes to it first.

    Raises AgentError as the session does, and `database`.
    """
    if data.driver == "postgres":
        database = PostgresDatabase(data, work, lock_seconds)
        with database.session:
            yield database
        return
    try:
        with closing(connected(root, data, lock_seconds)) as connection:
            yield SqliteDatabase(connection)
    except sqlite3.Error as error:
        raise AgentError("database", f"{root.full(f'shared/{data.path}')}: {error}") from None


def connected(root: Root, data: Declared, lock_seconds: float) -> sqlite3.Connection:
    """The file below `shared/`; one that is not there is empty, and is made with the first change. Raises sqlite3.Error."""
    path = root.full(f"shared/{data.path}")
    if root.stat(f"shared/{data.path}") is not None:
        os.close(root.file(f"shared/{data.path}"))  # a regular file of this user, and no link
    return sqlite3.connect(f"file:{quote(path)}?mode=rwc", uri=True, timeout=lock_seconds, isolation_level=None)


class Lock:
    """Nobody else migrates this database. `keep` are descriptors that must outlive us with whatever runs under it: so the lock does too."""

    def __init__(self, session: Optional[Psql], keep: Sequence[int]) -> None:
        self.keep = tuple(keep)
        self._session = session
        self._ping_at = 0.0
        self._lost = False

    def lost(self) -> bool:
        """Whether it is gone, with its session: then what runs under it must end. Asked of the server once a second."""
        now = time.monotonic()
        if self._session is None or self._lost or now < self._ping_at:
            return self._lost
        self._ping_at = now + PING_SECONDS
        try:
            self._session.do("SELECT 1 WHERE false;")
        except AgentError:
            self._lost = True
        return self._lost


@contextmanager
def locked(root: Root, data: Declared, work: Work, wait_seconds: float) -> Iterator[Lock]:
    """The lock, waited for; it goes with the block. PostgreSQL has it in that database, SQLite on the one host that has the file.

    Raises AgentError `migrations-busy` naming who has it.
    """
    if data.driver == "postgres":
        with PostgresDatabase(data, work, wait_seconds).session as session:
            _take(session, data, wait_seconds)
            yield Lock(session, [session.stdin_fd()])
        return
    with root.at(f"{FOLDER}/{data.name}", create=True, mode=0o700) as folder:
        fd = folder.file("lock", os.O_RDWR | os.O_CREAT)
        try:
            _take_file(fd, data, wait_seconds)
            yield Lock(None, [fd])
        finally:
            os.close(fd)


def _take(session: Psql, data: Declared, wait_seconds: float) -> None:
    until = time.monotonic() + wait_seconds
    while session.one(f"SELECT json_build_array(pg_try_advisory_lock({KEY[0]}, {KEY[1]}));") != [True]:
        if time.monotonic() >= until:
            holders = session.rows(HOLDER.format(one=KEY[0], other=KEY[1]))
            who = "; ".join(
                f"process {pid} of {user} ({what}) from {where}, for {seconds:.0f} s" for pid, user, what, where, seconds in holders
            )
            raise AgentError("migrations-busy", f"data {data.name} is being migrated by {who or 'somebody else'}", data=data.name)
        time.sleep(LOOK_AGAIN_SECONDS)


def _take_file(fd: int, data: Declared, wait_seconds: float) -> None:
    until = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                raise AgentError("migrations-busy", f"data {data.name} is being migrated by another program of this host") from None
            time.sleep(LOOK_AGAIN_SECONDS)
