"""`shipway start`: what was stopped comes back as it was."""

from __future__ import annotations

from collections.abc import Callable

from shipway.flows.order import carry_out
from shipway.flows.words import StartWords
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.orders.stop import order_start


async def start(words: StartWords, on_event: Callable[[Event], None]) -> Verdict:
    """The same release in the same numbers. Raises ShipwayError for every ending that is not 0."""

    def done(plan: Plan) -> str:
        return f"{' and '.join(words.processes) or plan.document['version']} runs again in {plan.environment}"

    def idle(plan: Plan) -> str:
        if words.processes:
            return f"nothing to do: {' and '.join(words.processes)} is not stopped in {plan.environment}"
        return f"nothing to do: nothing of {plan.environment} is stopped"

    return await carry_out(
        words, on_event, lambda intent, facts: order_start(intent, facts, words.processes), kind="start", done=done, idle=idle
    )
