"""A host's answer about the schema of its data in, a Schema out; and which host is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.model.errors import HostError
from shipway.model.facts import HostFacts
from shipway.model.migration import Schema

UNKNOWN = Schema(known=False)
"""Of a database that nobody could be asked about."""


def read_schema(host: str, said: Mapping[str, Any]) -> Schema:
    """What the call `data` {"do": "schema"} answers. Raises HostError (code "facts") for what is not as docs/contracts.md says."""
    try:
        return Schema(
            applied=tuple(map(str, said["applied"])),
            open=str(said["open"]),
            sizes={str(table): int(size) for table, size in said["sizes"].items()},
            took={str(name): float(seconds) for name, seconds in said["took"].items()},
            left={int(number): tuple(left.get("known", ())) for number, left in said["generations"].items()},
            known=bool(said["known"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise HostError(host, "facts", f"what it says of its schema is not what was agreed: {error!r}") from None


def keeper_of_live(facts: Mapping[str, HostFacts]) -> str:
    """The host that runs the migrations of what serves, as that says itself; "" where it has none, or the host is not here."""
    rows = [row for fact in facts.values() if (row := (fact.live or {}).get("migrations"))]
    host = str(rows[0]["host"]) if rows else ""
    return host if host in facts else ""


def overdue(schema: Schema, facts: Mapping[str, HostFacts], *, left_out: bool) -> frozenset[str] | None:
    """Names of migrations that every release that serves has, and that no release before it is left to need; None where nothing serves.

    `left_out` when a host is not asked: what it serves nobody knows.
    """
    live = {fact.member.current for fact in facts.values() if fact.member.current is not None}
    if not live and not left_out:
        return None
    if left_out or any(still(fact, fact.member.current) for fact in facts.values()):
        return frozenset()
    return frozenset.intersection(*(frozenset(schema.left.get(number, ())) for number in live)) - frozenset(schema.applied)


def still(fact: HostFacts, current: int | None) -> list[str]:
    """What of another generation than `current` serves or runs on a host, or stays warm there."""
    if fact.member.current != current:
        return [f"generation {fact.member.current} serves"]
    kept = fact.member.warm if fact.warm_seconds > 0 else None
    warm = [] if kept is None else [f"generation {kept.generation} is warm for {fact.warm_seconds:.0f} s more"]
    rows = [row for row in fact.processes if row.generation != current and row.state not in ("gone", "crashed")]
    finishing = [f"{row.name}.{row.instance} of generation {row.generation} still finishes" for row in rows if not warm]
    runs = [(job.name, job.running) for job in fact.jobs if job.running is not None and job.running.generation != current]
    return [*warm, *finishing, *(f"job {name} of generation {run.generation} still runs" for name, run in runs)]
