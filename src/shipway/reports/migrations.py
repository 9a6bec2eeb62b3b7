"""Pending migrations in; out, lines for people and objects for programs: phase, what they do, what they lock, how long they took before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.model.migration import SERVING, Migration, Pending
from shipway.reports.clean import clean
from shipway.reports.sizes import seconds, size

MOST = 50
"""Migrations that are listed before the rest becomes a number."""

PHASES: Mapping[str, str] = {
    "expand": "before the switch, while the release before serves",
    "held": "before the switch, while requests wait",
    "contract": "behind the commit, once the release before is gone",
}
"""When each phase runs."""


def migrations_text(pending: Pending, version: str) -> list[str]:
    """Phase by phase, in order. `version` is the release that serves; "" where nothing does."""
    unknown = "" if pending.schema.known else " at most, for nobody could be asked what is applied"
    count = len(pending.migrations)
    lines = [f"{count} migration{'s' if count != 1 else ''} pending{unknown}"]
    shown = pending.migrations[:MOST]
    for phase, when in PHASES.items():
        some = [one for one in shown if one.phase == phase]
        lines += [f"  {phase}: {when}"] if some else []
        lines += [line for one in some for line in _one(one, pending, version)]
    return [*lines, f"  … and {count - MOST} more"] if count > MOST else lines


def migrations_json(pending: Pending) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "known": pending.schema.known,
        "complete": pending.complete,
        "applied": len(pending.schema.applied),
        "open": pending.schema.open or None,
        "strangers": list(pending.strangers),
        "pending": [
            {
                "name": one.name,
                "file": one.path,
                "phase": one.phase,
                "breaking": list(one.breaking),
                "destructive": list(one.destructive),
                "irreversible": list(one.irreversible),
                "locks": list(one.locks),
                "tables": [{"table": table, "bytes": pending.schema.sizes.get(table)} for table in one.tables],
                "atomic": one.atomic,
                "last_seconds": pending.schema.took.get(one.name),
            }
            for one in pending.migrations
        ],
    }


def _one(one: Migration, pending: Pending, version: str) -> list[str]:
    file = clean(one.path.rpartition("/")[2])
    called = f"{clean(one.name)} ({file})" if file and not file.startswith(clean(one.name).rpartition(".")[2]) else clean(one.name)
    took = pending.schema.took.get(one.name)
    words = [word for word, said in (("destructive", one.destructive), ("irreversible", one.irreversible)) if said]
    words += [] if one.atomic else ["in no transaction"]
    words += [f"took {seconds(took)} last time"] if took is not None else []
    why = [*one.breaking, *(words for words in one.destructive if not any(said.startswith(words) for said in one.breaking))]
    return [
        f"    {called}{': ' if words else ''}{', '.join(words)}",
        *(f"      {clean(line.replace(SERVING, version or SERVING))}" for line in why),
        *(f"      irreversible: {clean(line)}" for line in one.irreversible),
        *(f"      locks {_sized(clean(lock), one, pending)}" for lock in one.locks),
    ]


def _sized(lock: str, one: Migration, pending: Pending) -> str:
    """With the size of its table, where the database says it."""
    table = next((table for table in one.tables if lock.startswith(f"{table} ")), "")
    bytes_ = pending.schema.sizes.get(table)
    return lock if bytes_ is None else f"{table} ({size(bytes_)}){lock.removeprefix(table)}"
