"""An intent, its release and its hosts in; out, which migrations are pending: by the commit, and by what the database says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shipway.execute.fleet import Fleet
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.migration import Pending
from shipway.plan.data.migrations import migrated
from shipway.plan.data.schema import UNKNOWN, keeper_of_live, overdue, read_schema
from shipway.release.release import Made
from shipway_agent.record import replace

if TYPE_CHECKING:
    from shipway.release.migrations.commit import Commit  # parsers, imported by who declares migrations

SCHEMA_SECONDS = 60.0


class Migrating:
    """The migrations of one flow that ships. Without [migrations] nothing is read and nobody is asked."""

    def __init__(self, intent: Intent, commit: Commit | None) -> None:
        self._intent = intent
        self._commit = commit
        self._schema = UNKNOWN

    async def learn(self, fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
        """Ask the host that runs them what the database has: one question, where something serves that declares any. Raises HostError."""
        if self._commit is not None:
            said = await ask_schema(fleet, facts)
            self._schema = read_schema(keeper_of_live(facts), said) if said is not None else UNKNOWN

    def pending(self, facts: Mapping[str, HostFacts]) -> Pending | None:
        """What is pending; None where no migrations are declared. Raises Refused for an order in which they cannot run."""
        declared, data = self._intent.shipment.migrations, migrated(self._intent)
        if self._commit is None or declared is None or data is None:
            return None
        from shipway.release.migrations.commit import pending

        late = overdue(self._schema, facts, left_out=bool(self._intent.environment.without))
        found = pending(self._commit, self._schema, held=declared.held, overdue=late, locks=data.driver == "postgres")
        return replace(found, overdue=tuple(sorted(late or ())))


async def migrating(intent: Intent, made: Made) -> Migrating:
    """Read those of a release's commit. Raises WrongInput naming file and line of one that cannot be read."""
    declared = intent.shipment.migrations
    if declared is None:
        return Migrating(intent, None)
    from shipway.release.migrations.commit import read_commit, wanted

    digests = {entry.path: entry.digest for entry in made.release.entries if entry.kind in ("file", "executable")}
    paths = wanted(declared, digests)

    def read() -> Commit:
        contents = made.blobs.read([digests[path] for path in paths])
        return read_commit(declared, dict(zip(paths, contents, strict=True)))

    return Migrating(intent, await asyncio.to_thread(read))


async def ask_schema(fleet: Fleet, facts: Mapping[str, HostFacts]) -> dict[str, Any] | None:
    """What the host that runs the migrations of what serves says of its schema; None where that has none. Raises HostError."""
    host = keeper_of_live(facts)
    return await fleet.call(host, "data", {"do": "schema"}, timeout_seconds=SCHEMA_SECONDS) if host else None
