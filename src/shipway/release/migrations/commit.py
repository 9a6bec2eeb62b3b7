"""What is declared of migrations and the files of a tree in; out, those that the commit has, and what of them a database lacks."""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterable, Mapping, Sequence

from shipway.model.intent import Migrations
from shipway.model.migration import Migration, Pending, Phase, Schema
from shipway.release.migrations.alembic import is_alembic, read_alembic
from shipway.release.migrations.django import is_django, read_django
from shipway.release.migrations.sql import is_sql, read_sql
from shipway.release.migrations.written import UNKNOWN, UNNAMED, Change, Written, unreadable
from shipway.release.source import refused
from shipway_agent.record import dataclass, replace

COMPLETE = frozenset({"sql"})
"""Adapters whose migrations are all found in the commit: packages bring none, no tool's configuration moves them, no command is asked."""


@dataclass(frozen=True, slots=True)
class Commit:
    """The migrations of a commit, in order. `complete` when a release of it has no others."""

    migrations: tuple[Written, ...]
    complete: bool


def wanted(declared: Migrations, paths: Iterable[str]) -> list[str]:
    """The files of the tree that have to be read."""
    folder = declared.directory
    where = posixpath.normpath(posixpath.join(folder, declared.path))
    if declared.adapter == "django":
        return [path for path in paths if is_django(path, folder)]
    if declared.adapter == "alembic":
        return [path for path in paths if is_alembic(path, folder, declared.path)]
    return [path for path in paths if declared.adapter == "sql" and is_sql(path, where)]


def read_commit(declared: Migrations, contents: Mapping[str, bytes]) -> Commit:
    """What the files say. Raises WrongInput naming file and line of one that cannot be read."""
    files = {path: _text(path, content) for path, content in contents.items()}
    if declared.adapter == "django":
        found = read_django(files)
    elif declared.adapter == "alembic":
        found = read_alembic(files, declared.directory)
    else:
        found = read_sql(files)
    return Commit(found, declared.adapter in COMPLETE)


def pending(commit: Commit, schema: Schema, *, held: bool, overdue: Container[str] | None, locks: bool) -> Pending:
    """What of the commit's migrations the database lacks, in order, and in which phase each of them runs.

    `held` has all of them held that are not contract ones. A contract one is `overdue` where the release that serves has it too: nobody is
    left who needs what it takes away, so it is as the others are. None where nothing serves: nobody needs anything, and nobody waits, so
    all are expand. `locks` where the database has some that are worth a word. What the pending ones make themselves nobody misses; but a
    column of theirs in a table that is there must let the release that serves insert without it.

    Raises Refused for one that depends on a contract migration and is none.
    """
    applied = set(schema.applied)
    chosen = _chosen(commit.migrations, applied)
    known = {name for one in commit.migrations for name in (one.name, *one.replaces)}
    phases: dict[str, Phase] = {}
    made: dict[str, Change] = {}
    found: list[Migration] = []
    for one in chosen:
        if one.name in applied:
            continue
        phases[one.name] = "expand" if overdue is None else _phase(one, phases, held=held, overdue=one.name in overdue)
        found.append(_migration(one, phases[one.name], made, locks))
    strangers = tuple(name for name in schema.applied if name not in known) if commit.complete else ()
    return Pending(tuple(found), schema, commit.complete, strangers)


def _phase(one: Written, phases: Mapping[str, Phase], *, held: bool, overdue: bool) -> Phase:
    before = {phases[name]: name for name in one.after if name in phases}
    phase: Phase = "expand" if one.phase == "contract" and overdue else one.phase
    if "contract" in before and phase != "contract":
        raise refused(
            "migration-order",
            f"{one.name} depends on {before['contract']}, which runs only once the old release is gone",
            f"deploy the commit that brought {before['contract']} first; or mark {one.path} `shipway: contract` too",
        )
    return "held" if phase == "expand" and (held or "held" in before) else phase


def _chosen(migrations: Sequence[Written], applied: set[str]) -> list[Written]:
    """A squashed migration, or those that it stands for: these where only some of them are applied."""
    gone: set[str] = set()
    for one in migrations:
        there = applied.intersection(one.replaces)
        if not one.replaces:
            continue
        if one.name in applied or len(there) in (0, len(one.replaces)):
            gone |= set(one.replaces)
            if there and len(there) == len(one.replaces):
                applied.add(one.name)
        else:
            gone.add(one.name)
    return [one for one in migrations if one.name not in gone]


def _migration(one: Written, phase: Phase, made: dict[str, Change], locks: bool) -> Migration:
    told: list[Change] = []
    for change in one.changes:
        what = f"{change.table}.{change.column}" if change.column else change.table
        if change.table in made:
            pass
        elif what in made:
            told.append(_of_new(change, made[what]))
            made[what] = _after(change, made[what])
        else:
            told.append(change)
        if change.makes and UNNAMED not in what and UNKNOWN not in what:
            made.setdefault(what, change)
    return Migration(
        name=one.name,
        phase=phase,
        breaking=_words(change.breaking for change in told) if phase == "expand" else (),
        destructive=_words(change.destructive for change in told),
        irreversible=one.irreversible,
        tables=_words(change.table for change in one.changes if change.table != UNNAMED),
        locks=_words(f"{change.table} {change.lock}" for change in told if change.lock) if locks else (),
        atomic=one.atomic,
        path=one.path,
    )


def _of_new(change: Change, column: Change) -> Change:
    """What is left of a change of a column that the pending ones make: its lock, and that an INSERT which does not know it fails."""
    after = _after(change, column)
    fails = (change.mandatory or change.filled is False) and after.mandatory and not after.filled
    return replace(change, breaking=change.breaking if fails else "", destructive="")


def _after(change: Change, column: Change) -> Change:
    mandatory = column.mandatory if change.mandatory is None else change.mandatory
    return replace(column, mandatory=mandatory, filled=column.filled if change.filled is None else change.filled)


def _words(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word))


def _text(path: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unreadable(path, content[: error.start].count(b"\n") + 1, "it is not UTF-8") from None
