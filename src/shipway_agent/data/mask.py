"""Columns and expressions in, a database whose values cannot be told any more out: in one transaction, or not at all.

It is done to a database that was made of a restore point for this alone, and is never asked of the live one. No trigger fires: it could
write what was there before somewhere else.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Dict, Iterable, List, Mapping, Tuple

from shipway_agent.data.psql import Psql, identifier, literal
from shipway_agent.errors import AgentError

Table = Tuple[str, str]
"""Schema and name; a database of SQLite has the schema main."""

COLUMNS = """
SELECT json_build_array(n.nspname, c.relname, a.attname) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped;
"""
TRIGGERS = """
SELECT json_build_array(t.tgname, t.tgenabled) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND n.nspname = {schema} AND c.relname = {table};
"""
UPDATE = "UPDATE {table} SET {assignments};"
"""Parts of it come from shipway.toml, as they are: each stands between parentheses on lines of its own, so a comment ends with it."""

ENABLED = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


def mask_postgres(session: Psql, mask: Mapping[str, str]) -> int:
    """How many tables were written. Raises AgentError `mask` where a column is not there, `database` where an expression fails."""
    wanted = _by_table(mask, "public")
    _refuse_strangers(mask, wanted, ((str(schema), str(table), str(column)) for schema, table, column in session.rows(COLUMNS)))
    session.do("BEGIN; SET LOCAL search_path = public, pg_catalog;")
    for (schema, table), columns in wanted.items():
        name = f"{identifier(schema)}.{identifier(table)}"
        triggers = session.rows(TRIGGERS.format(schema=literal(schema), table=literal(table)))
        session.do(f"ALTER TABLE {name} DISABLE TRIGGER USER;")
        session.do(UPDATE.format(table=name, assignments=_assignments(columns)))
        session.do("SET CONSTRAINTS ALL IMMEDIATE;")
        for trigger, how in triggers:
            if str(how) in ENABLED:
                session.do(f"ALTER TABLE {name} {ENABLED[str(how)]} TRIGGER {identifier(str(trigger))};")
    session.do("COMMIT;")
    return len(wanted)


def mask_sqlite(path: str, mask: Mapping[str, str]) -> int:
    """The same of a file of SQLite, in which nothing of what was there is left either: its free pages go. Raises AgentError `mask`."""
    wanted = _by_table(mask, "main")
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            tables = [str(name) for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            there = [
                ("main", table, str(row[1])) for table in tables for row in database.execute(f"PRAGMA table_info({identifier(table)})")
            ]
            _refuse_strangers(mask, wanted, there)
            database.execute("PRAGMA foreign_keys = OFF")
            database.execute("BEGIN IMMEDIATE")
            triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                database.execute(f"DROP TRIGGER {identifier(str(name))}")
            for (_, table), columns in wanted.items():
                database.execute(UPDATE.format(table=identifier(table), assignments=_assignments(columns)))
            for _, text in triggers:
                database.execute(str(text))
            database.execute("COMMIT")
            database.execute("VACUUM")
    except sqlite3.Error as error:
        raise AgentError("mask", f"the copy could not be masked, and is gone: {error}") from None
    return len(wanted)


def _by_table(mask: Mapping[str, str], schema: str) -> Dict[Table, Dict[str, str]]:
    """Expressions by table and column; a name of two parts is in the schema that is given."""
    found: Dict[Table, Dict[str, str]] = {}
    for name, expression in mask.items():
        parts = name.split(".")
        table = (schema, parts[0]) if len(parts) == 2 else (parts[0], parts[1])
        found.setdefault(table, {})[parts[-1]] = expression
    return found


def _refuse_strangers(mask: Mapping[str, str], wanted: Mapping[Table, Mapping[str, str]], there: Iterable[Tuple[str, str, str]]) -> None:
    """A column that was renamed must not leave unmasked."""
    known = set(there)
    strangers: List[str] = []
    for (schema, table), columns in wanted.items():
        strangers += [f"{schema}.{table}.{column}" for column in columns if (schema, table, column) not in known]
    if sum(map(len, wanted.values())) != len(mask):
        raise AgentError("mask", "one column is masked twice: with its schema, and without")
    if strangers:
        message = f"{', '.join(sorted(strangers))} of mask {'is no column' if len(strangers) == 1 else 'are no columns'} of the copy"
        raise AgentError("mask", f"{message}: what it was renamed to would leave unmasked")


def _assignments(columns: Mapping[str, str]) -> str:
    return ",\n".join(f"{identifier(column)} = (\n{expression}\n)" for column, expression in columns.items())
