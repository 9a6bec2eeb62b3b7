"""Migration: one change of a database's schema, as a release brings it and as a database has it."""

from __future__ import annotations

from typing import Literal

from shipway_agent.record import dataclass

Phase = Literal["expand", "held", "contract"]


@dataclass(frozen=True, slots=True)
class Migration:
    """What is known of one without running it.

    `breaking`, `destructive` and `irreversible` are why it is: a few words each, empty where it is not. `breaking` says what the release
    that serves loses, so it is only ever said of those that run while that one serves. `tables` are those that it changes, as the database
    names them. `atomic` when it happens whole or not at all.
    """

    name: str
    phase: Phase = "expand"
    breaking: tuple[str, ...] = ()
    destructive: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    atomic: bool = True


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database says of its own: names in the order in which they were applied. `open` is one that began and has no known ending.

    `sizes` are bytes by table, `took` seconds by migration where it ran before (in another environment's history too). `known` is False
    where nothing serves yet, or nobody could be asked.
    """

    applied: tuple[str, ...] = ()
    open: str = ""
    sizes: dict[str, int] | None = None
    took: dict[str, float] | None = None
    known: bool = True


@dataclass(frozen=True, slots=True)
class Pending:
    """What a deployment has to do with a database: those of the release that it lacks, in order, and what it says of itself.

    `complete` is False where a release may bring more than can be read in its commit (packages with migrations of their own): its host
    finds these in prepare. `strangers` are applied, and the release does not know them.
    """

    migrations: tuple[Migration, ...]
    schema: Schema
    complete: bool = True
    strangers: tuple[str, ...] = ()

    def of(self, phase: Phase) -> tuple[Migration, ...]:
        return tuple(one for one in self.migrations if one.phase == phase)
