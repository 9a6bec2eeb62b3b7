"""`shipway restart`: the same release in new processes, without a failed request."""

from __future__ import annotations

from collections.abc import Callable

from shipway.flows.order import carry_out
from shipway.flows.words import RestartWords
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.orders.restart import order_restart


async def restart(words: RestartWords, on_event: Callable[[Event], None]) -> Verdict:
    """New processes take over from the old ones, or all stays as it was. Raises ShipwayError for every ending that is not 0."""

    def done(plan: Plan) -> str:
        return f"{', '.join(words.processes) or plan.environment} was started anew{on}"

    on = f" on {', '.join(words.hosts)}" if words.hosts else ""
    return await carry_out(
        words,
        on_event,
        lambda intent, facts: order_restart(intent, facts, words.processes, words.hosts),
        kind="restart",
        done=done,
        idle=done,
    )
