"""`shipway release`: what was reverted may be deployed again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shipway.flows.order import carry_out
from shipway.flows.project import open_project, release_meant
from shipway.flows.words import ReleaseWords
from shipway.model.event import Event
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.orders.order import Order
from shipway.plan.orders.release import order_release


async def release(words: ReleaseWords, on_event: Callable[[Event], None]) -> Verdict:
    """An entry of the history like any other order. Raises ShipwayError for every ending that is not 0."""
    commit = None if words.commit is None else release_meant(open_project(words.project), words.commit)

    def make(intent: Intent, facts: Mapping[str, HostFacts]) -> Order:
        return order_release(intent, facts, commit)

    def done(plan: Plan) -> str:
        return f"{str(plan.document['what']).removeprefix('release ')} may be deployed to {plan.environment} again"

    def idle(plan: Plan) -> str:
        return f"nothing to do: nothing is held back from {plan.environment}"

    return await carry_out(words, on_event, make, kind="release", done=done, idle=idle)
