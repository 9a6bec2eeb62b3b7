"""A project and an environment in, all that is remembered of its deployments out: the ledger here, taught by the hosts' journals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.project import Project
from shipway.flows.reach import reach
from shipway.ledger.history import Journal
from shipway.ledger.retell import retold
from shipway.ledger.store import Ledger
from shipway.model.errors import HostError, Overdue
from shipway.model.event import Event
from shipway.model.facts import Attempt
from shipway.model.history import History
from shipway.model.intent import Intent
from shipway.plan.facts import read_facts
from shipway_agent.record import dataclass, field

AT_A_TIME = 1000
"""Events of a journal in one answer."""

READ_SECONDS = 120.0
"""Bound of reading one host's whole journal."""


@dataclass(frozen=True, slots=True)
class Memory:
    """`silent` are hosts whose journals could not be read, and why; `offsets` what to add to each host's clock to have ours."""

    history: History
    silent: Mapping[str, str]
    told: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    journals: Sequence[Journal] = ()
    offsets: Mapping[str, float] = field(default_factory=dict)

    def events(self, deployment: str) -> Sequence[Event]:
        """What a driver here told of a deployment; of one that ran elsewhere, what its hosts remember."""
        told = self.told.get(deployment)
        return told or retold(deployment, {journal.host: journal.events for journal in self.journals}, self.offsets)


async def remembered(project: Project, intent: Intent, on_event: Callable[[Event], None], *, limit: int | None = None) -> Memory:
    """Read every host's journal into the ledger, then tell from it. A host that is silent takes nothing away. With `limit` there are

    records of so many deployments, and nothing of what was told of each.
    """
    name = intent.environment.name
    attempts: dict[str, Sequence[Attempt]] = {}
    offsets: dict[str, float] = {}
    with Ledger(project.directory) as ledger:
        async with reach(intent, Tell(on_event, time.time)) as fleet:
            opened = await fleet.connect()

            async def learn(host: str) -> None:
                journal = await _journal(fleet, host, ledger.newest(name, host))
                facts = read_facts(host, await fleet.call(host, "look", {"verify": False}))
                attempts[host] = facts.member.attempts
                offsets[host] = time.time() - facts.hello.clock
                ledger.learn(name, host, journal)

            learned = await fleet.each(learn, fleet.reached)
        errors: dict[str, HostError] = {**opened.errors, **learned.errors}
        records = ledger.history(name, limit=limit, attempts=attempts)
        journals: list[Journal] = []
        told: dict[str, list[Event]] = {}
        if limit is None:
            journals = ledger.journals(name, attempts)
            for event in ledger.events():
                told.setdefault(event.deployment, []).append(event)
    return Memory(records, {host: error.message for host, error in errors.items()}, told, journals, offsets)


async def _journal(fleet: Fleet, host: str, known: Mapping[str, object] | None = None) -> list[Mapping[str, object]]:
    """A journal from its newest `known` event on; all of it where that event is not in it, for then it is another machine's.

    Raises HostError: also for one that never ends, or takes longer than its bound to read.
    """
    found: list[Mapping[str, object]] = []
    since = int(str(known["seq"])) - 1 if known is not None else 0
    bound = asyncio.timeout(READ_SECONDS)
    try:
        async with bound:
            while True:
                events = (await fleet.call(host, "events", {"since": since, "deployment": None}))["events"]
                if known is not None and not found and not _begins_with(events, known):
                    known, since = None, 0
                    continue
                found += events
                if len(events) < AT_A_TIME:
                    return found
                newest = int(events[-1]["seq"])
                if newest <= since:
                    raise HostError(host, "facts", f"its journal does not go on behind event {since}")
                since = newest
    except TimeoutError:
        if not bound.expired():
            raise
        raise Overdue(host, "overdue", f"its journal could not be read within {READ_SECONDS:g} s") from None


def _begins_with(events: Sequence[Mapping[str, object]], known: Mapping[str, object]) -> bool:
    return bool(events) and all(events[0].get(key) == value for key, value in known.items())
