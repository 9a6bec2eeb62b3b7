"""Migration: one change of a database's schema, as a release brings it and as a database has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from shipway_agent.record import dataclass, field

Phase = Literal["expand", "held", "contract"]

SERVING = "the release that serves"
"""How it is called where nobody knows its version yet; who tells people puts that in its place."""


@dataclass(frozen=True, slots=True)
class Migration:
    """What is known of one without running it.

    `breaking`, `destructive` and `irreversible` are why it is: a few words each, empty where it is not. `breaking` says what the release
    that serves loses, so it is only ever said of those that run while that one serves. `tables` are those that it changes, as the database
    names them; each of `locks` begins with the name of its table. `atomic` when it happens whole or not at all. `path` is its file.
    """

    name: str
    phase: Phase = "expand"
    breaking: tuple[str, ...] = ()
    destructive: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    atomic: bool = True
    path: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database says of its own: names in the order in which they were applied. `open` is one that began and has no known ending.

    `sizes` are bytes by table, `took` seconds by migration where it ran before, `left` the names that the release of a generation
    has. `known` is False where nothing serves yet, or what serves declares no migrations.
    """

    applied: tuple[str, ...] = ()
    open: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    took: Mapping[str, float] = field(default_factory=dict)
    left: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    known: bool = True


@dataclass(frozen=True, slots=True)
class Pending:
    """What a deployment has to do with a database: those of the release that it lacks, in order, and what it says of itself.

    `complete` is False where a release may bring more than can be read in its commit (packages with migrations of their own): its host
    finds these in prepare. `strangers` are applied, and the release does not know them. `overdue` are contract ones that nobody needs to
    wait for any more, as far as the hosts tell; the host that runs them takes no other for one.
    """

    migrations: tuple[Migration, ...]
    schema: Schema
    complete: bool = True
    strangers: tuple[str, ...] = ()
    overdue: tuple[str, ...] = ()

    @property
    def certain(self) -> bool:
        """Whether these are all, and all of them are pending."""
        return self.complete and self.schema.known

    @property
    def nothing(self) -> bool:
        """Whether it is known that nothing is pending."""
        return self.certain and not self.migrations

    @property
    def before(self) -> bool:
        """Whether anything may have to run before the switch."""
        return not self.certain or any(one.phase != "contract" for one in self.migrations)

    def of(self, phase: Phase) -> tuple[Migration, ...]:
        """Those that run in that phase."""
        return tuple(one for one in self.migrations if one.phase == phase)


RUN = "migrate:"
"""What the key of a step begins with that runs migrations of a phase, or takes some back."""


def migrated(step: Mapping[str, Any]) -> list[str]:
    """The migrations that a step ran, as its event or a journal tells its ending; those before one that failed as well."""
    if not str(step.get("key", "")).startswith(RUN):
        return []
    said = [step.get(key) for key in ("answer", "data")]
    failed = [one.get("facts") for key in ("error", "data") if isinstance(one := step.get(key), Mapping)]
    told = [one["ran"] for one in (*said, *failed) if isinstance(one, Mapping) and isinstance(one.get("ran"), list)]
    return [str(row[0]) for row in (told[0] if told else ()) if isinstance(row, list | tuple) and row]
