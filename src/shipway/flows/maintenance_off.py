"""`shipway maintenance off`: visitors are let in, once what they find is proved."""

from __future__ import annotations

from collections.abc import Callable

from shipway.flows.order import carry_out
from shipway.flows.words import MaintenanceOffWords
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.orders.maintenance import order_off


async def maintenance_off(words: MaintenanceOffWords, on_event: Callable[[Event], None]) -> Verdict:
    """Open on every host or on none. Raises ShipwayError for every ending that is not 0."""

    def done(plan: Plan) -> str:
        return f"visitors of {plan.environment} are let in again"

    def idle(plan: Plan) -> str:
        return f"nothing to do: maintenance is off in {plan.environment}"

    return await carry_out(words, on_event, order_off, kind="maintenance", done=done, idle=idle)
