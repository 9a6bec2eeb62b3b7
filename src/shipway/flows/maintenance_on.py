"""`shipway maintenance on`: visitors get a page, or wait; our own probes pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shipway.flows.order import at_lead, carry_out
from shipway.flows.who import who
from shipway.flows.words import MaintenanceOnWords
from shipway.model.errors import WrongInput
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.orders.maintenance import Maintenance, order_on


async def maintenance_on(words: MaintenanceOnWords, on_event: Callable[[Event], None]) -> Verdict:
    """On every host or on none. Raises ShipwayError for every ending that is not 0; WrongInput for a page that cannot be read."""
    page = _read(words.page) if words.page is not None else None
    wanted = Maintenance(words.hold_seconds if words.hold else None, words.message, page, str(words.page or ""))

    def done(plan: Plan) -> str:
        how = f"requests to {plan.environment} are held, each for at most {words.hold_seconds} s" if words.hold else "visitors get the page"
        return f"{how} (shipway maintenance off {plan.environment} lets them in)"

    def idle(plan: Plan) -> str:
        return f"nothing to do: maintenance is on in {plan.environment} just so"

    return await carry_out(
        words,
        on_event,
        lambda intent, facts: order_on(intent, facts, wanted, who=who(), at=at_lead(facts)),
        kind="maintenance",
        done=done,
        idle=idle,
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        why = error.strerror or str(error)
    except UnicodeDecodeError:
        why = "it is not UTF-8"
    raise WrongInput(
        f"the page {path} cannot be read: {why}", state="nothing was touched", hint="shipway maintenance on --help", code="no-page"
    )
