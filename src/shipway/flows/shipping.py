"""A project and a command's words in; out, the release that they mean, made, and what its planner and its hosts need beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.attempt import Attempt
from shipway.flows.bases import Bases
from shipway.flows.cargo import Cargo
from shipway.flows.front import Caddies
from shipway.flows.held_back import refuse_held_back
from shipway.flows.migrating import Migrating, migrating
from shipway.flows.project import Project
from shipway.flows.tools import Tools
from shipway.flows.transaction import Planner, Transaction
from shipway.flows.want import filled, make, want
from shipway.flows.without import leave_out
from shipway.flows.words import DeployWords, PlanWords, PrepareWords
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.migration import Pending
from shipway.model.plan import Plan
from shipway.model.release import Release
from shipway.release.build import HERE
from shipway.release.release import Made
from shipway.release.source import Repository
from shipway_agent.record import dataclass, replace

MOST_BASES = 4
"""Releases that hosts serve for which a parcel is begun before they are asked."""


class PlanRelease(Protocol):
    """Makes the plan of a flow that ships: plan_deploy, plan_prepare."""

    def __call__(
        self,
        intent: Intent,
        release: Release,
        facts: Mapping[str, HostFacts],
        *,
        deployment: str,
        who: str,
        number: int,
        caddies: Mapping[str, str],
        peer_key: str,
        pending: Pending | None = None,
    ) -> Plan: ...


@dataclass(frozen=True, slots=True)
class Shipping:
    """A release on its way: what is wanted, what was made, and what goes with it once the hosts were read."""

    intent: Intent
    made: Made
    tools: Tools
    caddies: Caddies
    bases: Bases
    migrating: Migrating
    loaded: Cargo
    builder: Callable[[], Fleet] | None
    repository: Repository

    async def learn(self, fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
        """Have at hand what these very hosts lack besides: a proxy, tools of their platforms, migrations. Raises Refused."""
        self.bases.learn(fleet, facts)
        await self.migrating.learn(fleet, facts)
        await self.caddies.learn(fleet, facts)
        await self.tools.for_hosts(fleet, facts)

    async def begin(self, fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
        """Learn, and begin to pack what these hosts must lack, while leases are taken. Raises Refused."""
        self.bases.learn(fleet, facts)
        packing = asyncio.ensure_future(self._pack(fleet, facts))
        packing.add_done_callback(_forget)
        await self.learn(fleet, facts)

    def planner(self, plan_release: PlanRelease) -> Planner:
        """Plans this release, with what `learn` has brought by then. Raises Refused where it is held back."""

        def plan(facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str) -> Plan:
            of_this_one = {"deployment": deployment, "who": who, "peer_key": peer_key}
            release = self.tools.equipped(self.made.release)
            refuse_held_back(self.repository, self.intent.environment.name, release.source.commit, facts)
            pending = self.migrating.pending(facts)
            return plan_release(self.intent, release, facts, number=number, caddies=self.caddies.digests, pending=pending, **of_this_one)

        return plan

    def transaction(self, plan_release: PlanRelease, live: Callable[[Plan, Attempt], str]) -> Transaction:
        """What takes it to the hosts, --without some of them where that was typed. `live` words the good ending."""
        return Transaction(
            self.intent,
            self.planner(plan_release),
            lambda plan: self.loaded,
            live,
            may_leave_out=True,
            first=self.begin,
            builder=self.builder,
        )

    async def _pack(self, fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
        """The first parcel for hosts that serve the same: it is asked for as for one of them."""
        far = {name: fact.live for name, fact in facts.items() if fact.live and fleet.hosts[name].address != "local"}
        of_each = {str(live["release"]): name for name, live in far.items() if live["release"] != self.made.release.digest}
        for name in list(of_each.values())[:MOST_BASES]:
            await self.loaded.begin(name)


async def shipping(
    project: Project, words: DeployWords | PrepareWords | PlanWords, tell: Tell, approach: Callable[[Intent], object] | None = None
) -> Shipping:
    """Settle what is wanted, with every value in place, and make its release. Raises WrongInput, Refused, Failed; nothing is touched.

    `approach` is called when the hosts are known and nothing that may last is to be done before they are needed.
    """
    wanted = await filled(project, want(project, words.environment, words.ref), tell)
    wanted = replace(wanted, intent=leave_out(wanted.intent, words.without))
    if approach is not None and not wanted.intent.shipment.build.run and not wanted.intent.environment.requires.checks:
        approach(wanted.intent)
        for _ in range(2):  # the turns of the fleet and of its hosts: their logins begin before the commit is read, not beside it
            await asyncio.sleep(0)
    tools = Tools(wanted.intent.shipment, tell)
    made = await make(project, wanted, tell, tools)
    bases = Bases(project.repository, made, wanted.intent.subdirectory)
    caddies = Caddies(wanted.intent, tell)
    loaded = Cargo(made, caddies.by_host, tools.of, bases)
    migrations = await migrating(wanted.intent, made)
    return Shipping(wanted.intent, made, tools, caddies, bases, migrations, loaded, _builder(wanted.intent, tell), project.repository)


def _builder(intent: Intent, tell: Tell) -> Callable[[], Fleet] | None:
    """Reaches the host that built it; None where this machine did."""
    if intent.shipment.build.on == HERE or not intent.shipment.build.run:
        return None
    from shipway.flows.build_host import reach_build_host  # few build anywhere but here

    return partial(reach_build_host, intent, tell)


def _forget(packing: asyncio.Task[None]) -> None:
    """What went wrong goes wrong once more, and is told, where the parcel is needed."""
    if not packing.cancelled():
        packing.exception()
