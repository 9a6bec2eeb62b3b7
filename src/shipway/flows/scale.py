"""`shipway scale`: other numbers of copies, for this and later releases."""

from __future__ import annotations

from collections.abc import Callable

from shipway.flows.order import carry_out
from shipway.flows.words import ScaleWords
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.orders.scale import order_scale


async def scale(words: ScaleWords, on_event: Callable[[Event], None]) -> Verdict:
    """Start what is missing and drain what is too many. Raises ShipwayError for every ending that is not 0."""

    def done(plan: Plan) -> str:
        return f"{str(plan.document['what']).removeprefix('scale ')} on each host of {plan.environment}"

    def idle(plan: Plan) -> str:
        return f"nothing to do: {plan.environment} has these numbers already"

    return await carry_out(
        words, on_event, lambda intent, facts: order_scale(intent, facts, words.settings), kind="scale", done=done, idle=idle
    )
