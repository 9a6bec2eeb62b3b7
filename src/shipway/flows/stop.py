"""`shipway stop`: processes end and stay ended; visitors get a page."""

from __future__ import annotations

from collections.abc import Callable

from shipway.flows.order import at_lead, carry_out
from shipway.flows.who import who
from shipway.flows.words import StopWords
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.orders.stop import order_stop


async def stop(words: StopWords, on_event: Callable[[Event], None]) -> Verdict:
    """Nothing of it comes back but by `start`, `deploy` or `rollback`. Raises ShipwayError for every ending that is not 0."""

    def done(plan: Plan) -> str:
        what = f"{' and '.join(words.processes)} of {plan.environment}" if words.processes else plan.environment
        again = " ".join(["shipway start", plan.environment, *(f"--process {name}" for name in words.processes)])
        return f"{what} is stopped ({again} brings it back)"

    def idle(plan: Plan) -> str:
        return f"nothing to do: {' and '.join(words.processes) or plan.environment} is stopped already"

    return await carry_out(
        words,
        on_event,
        lambda intent, facts: order_stop(intent, facts, words.processes, who=who(), at=at_lead(facts)),
        kind="stop",
        done=done,
        idle=idle,
    )
