"""Numbered files of SQL in a release in, each applied in one transaction with the row that says so out.

`0003_note.sql` is taken back by `0003_note.down.sql`. A comment `-- shipway: no transaction` is for statements that refuse to be in one.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from typing import Dict, List, Tuple

from shipway_agent.data.migrations.database import PostgresDatabase, SqliteDatabase, opened
from shipway_agent.data.migrations.declared import Migrations, folder_of
from shipway_agent.data.migrations.marks import NO_TRANSACTION
from shipway_agent.data.migrations.migration import Migration, Say, phase_of, said
from shipway_agent.data.programs import Work
from shipway_agent.data.psql import literal
from shipway_agent.errors import AgentError
from shipway_agent.root import Root

TABLE = "shipway_migrations"
DOWN = ".down.sql"

_FILE = re.compile(r"(\d+)[_-].*\.sql\Z", re.DOTALL)

_MAKE_POSTGRES = (
    "CREATE TABLE IF NOT EXISTS {table} (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE, digest text NOT NULL, "
    "applied_at timestamptz NOT NULL DEFAULT now());"
)
_MAKE_SQLITE = (
    "CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, "
    "applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)"
)
_INSERT = "INSERT INTO {table} (name, digest) VALUES ({name}, {digest});"
_DELETE = "DELETE FROM {table} WHERE name = {name};"


class Sql:
    """The files of one release. They are read as they lie in its tree, which nobody writes to."""

    def __init__(self, root: Root, declared: Migrations, work: Work) -> None:
        self._root = root
        self._declared = declared
        self._work = work

    def applied(self) -> List[str]:
        return list(self._rows())

    def known(self) -> List[Migration]:
        return [self._read(name) for name in sorted(self._names(), key=_order)]

    def changed(self) -> List[str]:
        """Those whose file is another one than was applied."""
        digests, there = self._rows(), self._names()
        return [name for name, digest in digests.items() if digest and name in there and _digest(self._text(name)) != digest]

    def apply(self, migration: Migration, say: Say) -> None:
        self._run(f"{migration.name}.sql", self._row(migration.name), atomic=migration.atomic)

    def reverse(self, name: str, say: Say) -> None:
        if not os.path.isfile(self._path(f"{name}{DOWN}")):
            raise AgentError("migration-irreversible", f"{name} cannot be taken back: there is no {name}{DOWN}", migration=name)
        with open(self._path(f"{name}{DOWN}"), encoding="utf-8") as file:
            atomic = NO_TRANSACTION not in said(file.read(), f"{name}{DOWN}", sql=True)
        self._run(f"{name}{DOWN}", _DELETE.format(table=TABLE, name=literal(name)), atomic=atomic)

    def mark(self, name: str, applied: bool) -> None:
        with opened(self._root, self._declared.data, self._work) as database:
            row = self._row(name) if applied else _DELETE.format(table=TABLE, name=literal(name))
            if isinstance(database, PostgresDatabase):
                database.session.do(_MAKE_POSTGRES.format(table=TABLE) + row)
            elif isinstance(database, SqliteDatabase):
                database.connection.execute(_MAKE_SQLITE.format(table=TABLE))
                database.connection.execute(row)

    def finish(self, say: Say) -> None:
        """Nothing follows them."""

    def close(self) -> None:
        """Nothing stays."""

    def _row(self, name: str) -> str:
        return _INSERT.format(table=TABLE, name=literal(name), digest=literal(self._digest_of(name)))

    def _digest_of(self, name: str) -> str:
        """Of its file; "" where this release does not have it, and a person says that it is done."""
        return _digest(self._text(name)) if os.path.isfile(self._path(f"{name}.sql")) else ""

    def _rows(self) -> Dict[str, str]:
        with opened(self._root, self._declared.data, self._work) as database:
            return {row[0]: row[1] for row in database.rows(TABLE, ["name", "digest"], "id")}

    def _run(self, file: str, row: str, *, atomic: bool) -> None:
        with opened(self._root, self._declared.data, self._work, self._declared.lock_seconds) as database:
            if isinstance(database, PostgresDatabase):
                _run_postgres(database, self._path(file), row, atomic=atomic)
            elif isinstance(database, SqliteDatabase):
                _run_sqlite(database, self._path(file), row, atomic=atomic)

    def _names(self) -> List[str]:
        try:
            there = os.listdir(self._folder())
        except OSError as error:
            raise AgentError("directory", f"migrations: {self._folder()} cannot be read: {error.strerror}", path=self._folder()) from None
        return [name[: -len(".sql")] for name in there if _FILE.match(name) and not name.endswith(DOWN)]

    def _read(self, name: str) -> Migration:
        words = said(self._text(name), f"{name}.sql", sql=True)
        down = os.path.isfile(self._path(f"{name}{DOWN}"))
        return Migration(
            name,
            phase_of(words),
            irreversible=[] if down else [f"there is no {name}{DOWN}"],
            atomic=NO_TRANSACTION not in words,
        )

    def _text(self, name: str) -> str:
        with open(self._path(f"{name}.sql"), encoding="utf-8", errors="surrogateescape") as file:
            return file.read()

    def _folder(self) -> str:
        return os.path.join(folder_of(self._root, self._declared), self._declared.path)

    def _path(self, file: str) -> str:
        return os.path.join(self._folder(), file)


def _run_postgres(database: PostgresDatabase, path: str, row: str, *, atomic: bool) -> None:
    """The file is read by psql itself: what is not closed in it ends with it, and cannot swallow what stands behind."""
    session = database.session
    session.do(_MAKE_POSTGRES.format(table=TABLE))
    # What its statements answer is nobody's question; and it may have set another search_path than ours, as a dump of a schema does.
    include = f"\\o /dev/null\n\\i {_argument(path)}\n\\o"
    row = f"RESET search_path;\n{row}"
    if not atomic:
        session.do(f"{include}\n{row}")
        return
    session.do("BEGIN;")
    begun = session.one("SELECT json_build_array(txid_current());")
    session.do(f"{include}\n;")
    if session.one("SELECT json_build_array(txid_current());") != begun:
        message = (
            f"{os.path.basename(path)} ends the transaction that it is run in: what it did stays. A comment `-- shipway: no transaction`"
        )
        raise AgentError("migration-failed", f"{message} says that it must not be in one", open=True)
    session.do(f"{row}\nCOMMIT;")


def _run_sqlite(database: SqliteDatabase, path: str, row: str, *, atomic: bool) -> None:
    connection = database.connection
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        connection.execute(_MAKE_SQLITE.format(table=TABLE))
        if atomic:
            connection.execute("BEGIN IMMEDIATE")
        for statement in _statements(text):
            connection.execute(statement)
        if atomic and not connection.in_transaction:
            message = f"{os.path.basename(path)} ends the transaction that it is run in: what it did stays"
            raise AgentError("migration-failed", message, open=True)
        connection.execute(row)
        if atomic:
            connection.execute("COMMIT")
    except (sqlite3.Error, sqlite3.Warning) as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise AgentError("migration-failed", f"SQLite says no: {error}") from None


def _statements(text: str) -> List[str]:
    """One by one, as SQLite itself sees where each ends."""
    found, begin = [], 0
    for place, character in enumerate(text):
        if character == ";" and sqlite3.complete_statement(text[begin : place + 1]):
            found.append(text[begin : place + 1])
            begin = place + 1
    return [*found, text[begin:]] if text[begin:].strip() else found


def _argument(path: str) -> str:
    """A path as psql's own commands read it."""
    return "'" + path.replace("\\", "\\\\").replace("'", "''") + "'"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _order(name: str) -> Tuple[int, str]:
    match = _FILE.match(f"{name}.sql")
    assert match is not None
    return int(match.group(1)), name
