"""What one flow wants of its environment in, as all that deploy, prepare and roll back have it; out, what they do and tell alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from shipway.execute.ask import Facts
from shipway.execute.fleet import Fleet
from shipway.flows.attempt import Attempt
from shipway.flows.changes import Changes
from shipway.flows.reach import typed
from shipway.flows.without import Said
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import HostError
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.plan import Plan
from shipway_agent.record import dataclass

if TYPE_CHECKING:
    from shipway.execute.ship import Blobs

First: TypeAlias = Callable[[Fleet, Mapping[str, HostFacts]], Awaitable[None]]


class Planner(Protocol):
    """Makes the plan of one flow from facts; called before and again under the leases."""

    def __call__(self, facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str) -> Plan: ...


@dataclass(frozen=True, slots=True)
class Transaction:
    """One flow on one environment. `cargo` says what travels, given the plan; `live` words the good ending.

    `may_leave_out` when its command knows --without. `first` is done when the hosts were read, before anything is planned; `again` under
    the leases, where others may have been there since, for what no host's facts say.
    `changes` tells what differs from the configuration that serves, where the flow knows the one it wants. `unchanged` words that there
    is nothing to do, for flows that are about what serves and bring nothing. `builder` is where the release was built, if not here.
    """

    intent: Intent
    planner: Planner
    cargo: Callable[[Plan], Blobs | None]
    live: Callable[[Plan, Attempt], str]
    may_leave_out: bool = False
    first: First | None = None
    again: First | None = None
    changes: Changes | None = None
    unchanged: Callable[[Plan], str] | None = None
    builder: Callable[[], Fleet] | None = None


@dataclass(frozen=True, slots=True)
class Underway:
    """A transaction with its fleet. `plan_for` plans from facts, for a deployment and its number; `left_out` asks about hosts that are."""

    attempt: Attempt
    transaction: Transaction
    fleet: Fleet
    plan_for: Callable[[Mapping[str, Facts], str, int], Plan]
    left_out: Callable[[], Awaitable[Said]]


async def do_first(first: First, fleet: Fleet, facts: Mapping[str, Facts]) -> None:
    """Have the flow do what comes first. Raises Refused."""
    try:
        await first(fleet, typed(facts))
    except HostError as error:
        raise unreachable({error.host: error}, fleet) from error


def tell_began(attempt: Attempt, plan: Plan, **more: Any) -> None:
    """The event that a plan begins with, whether there is anything to do in it or not."""
    attempt.tell(
        "began",
        **{key: value for key, value in plan.document.items() if key != "peer_key"},
        members=list(plan.members),
        lead=plan.lead,
        notes=list(plan.notes),
        confirm_seconds=plan.confirm_seconds,
        watch_seconds=plan.watch_seconds,
        batches=[list(batch.hosts) for batch in plan.batches],
        **more,
    )
