"""An order to what serves in, its Verdict out: what restart, scale, stop, start and maintenance have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shipway.flows.attempt import Attempt, attempt
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.transact import transact
from shipway.flows.transaction import Transaction
from shipway.flows.words import Words
from shipway.model.event import Event
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.orders.order import Order
from shipway.plan.successor import plan_successor
from shipway.reports.few import named

Make = Callable[[Intent, Mapping[str, HostFacts]], Order]
"""Makes the order from facts. Called before and again under the leases."""


async def carry_out(
    words: Words,
    on_event: Callable[[Event], None],
    make: Make,
    *,
    kind: str,
    done: Callable[[Plan], str],
    idle: Callable[[Plan], str],
) -> Verdict:
    """A transaction over the fleet: on every host, or undone on every host. `done` and `idle` word the endings, without who proved it.

    Raises ShipwayError for every ending that is not 0.
    """
    project = open_project(words.project)
    with attempt(project.directory, on_event, kind, lambda: project.meant(words.environment)) as trying:
        intent = intent_of_head(project, words.environment)

        def planner(facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str) -> Plan:
            return plan_successor(intent, make(intent, facts), facts, deployment=deployment, who=who, number=number, peer_key=peer_key)

        def live(plan: Plan, trying: Attempt) -> str:
            return f"{done(plan)}, proved on {named(plan.members)} in {trying.seconds:.1f} s"

        transaction = Transaction(intent, planner, lambda plan: None, live, unchanged=idle)
        return trying.ended(await transact(trying, transaction))


def at_lead(facts: Mapping[str, HostFacts]) -> float:
    """Seconds since the epoch, as the lead counts them."""
    return facts[min(facts)].hello.clock
