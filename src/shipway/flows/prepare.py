"""`shipway prepare`: the first half of a deployment, any time before; nothing that users can see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from shipway.execute.fleet import Fleet
from shipway.flows.attempt import Attempt, attempt
from shipway.flows.cargo import Cargo
from shipway.flows.front import Caddies
from shipway.flows.project import open_project
from shipway.flows.tools import Tools
from shipway.flows.transact import Transaction, transact
from shipway.flows.want import filled, make, want
from shipway.flows.without import leave_out
from shipway.flows.words import PrepareWords
from shipway.model.event import Event
from shipway.model.facts import HostFacts
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.prepare import plan_prepare


async def prepare(words: PrepareWords, on_event: Callable[[Event], None]) -> Verdict:
    """Bring the commit to every host and run its prepare tasks. Raises ShipwayError for every ending that is not 0."""
    project = open_project(words.project)
    with attempt(project.directory, on_event) as trying:
        wanted = await filled(project, want(project, words.environment, words.ref), trying.tell)
        wanted = replace(wanted, intent=leave_out(wanted.intent, words.without))
        tools = Tools(wanted.intent.shipment, trying.tell)
        made = await make(project, wanted, trying.tell, tools)
        caddies = Caddies(wanted.intent, trying.tell)

        def planner(facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str) -> Plan:
            of_this_one = {"deployment": deployment, "who": who, "peer_key": peer_key}
            return plan_prepare(wanted.intent, tools.equipped(made.release), facts, number=number, caddies=caddies.digests, **of_this_one)

        def cargo(plan: Plan) -> Cargo:
            return Cargo(made, caddies.by_host, tools.of)

        async def learn(fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
            await caddies.learn(fleet, facts)
            await tools.for_hosts(fleet, facts)

        return trying.ended(await transact(trying, Transaction(wanted.intent, planner, cargo, _prepared, True, learn)))


def _prepared(plan: Plan, trying: Attempt) -> str:
    version = plan.document.get("version", "")
    return (
        f"{version} is prepared on {', '.join(plan.members)} in {trying.seconds:.1f} s; what serves in {plan.environment} was not touched"
    )
