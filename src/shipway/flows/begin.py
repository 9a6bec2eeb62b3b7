"""A connected fleet in, a held one out: leases on every member, what others left open settled, facts read under the lease."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from shipway.execute import ask, decision, lease
from shipway.execute.ask import Facts
from shipway.execute.fleet import Fleet
from shipway.execute.lease import Claim, Contended, Fenced
from shipway.execute.telling import Tell
from shipway.execute.undo import undo_tasks
from shipway.execute.uninterrupted import to_its_end, undisturbed
from shipway.flows.attempt import LEFT
from shipway.flows.reading import read
from shipway.flows.records import open_deployments, recorded, unsettled
from shipway.flows.silent_lead import without_lead
from shipway.flows.who import who
from shipway.flows.words_of_failure import gone_behind_a_settlement, silent, unreachable
from shipway.model.errors import AGAIN, HostError, Refused, Unsettled
from shipway.model.intent import Environment
from shipway_agent.record import dataclass, field

TRIES = 5
"""Times a higher number is taken when another driver was quicker; then the other one is named."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Leases of one driver on the whole fleet, and what was there when it had them all.

    `left_alone` are hosts that are not told to let go: they have, or must let their lease run out.
    """

    claim: Claim
    facts: dict[str, Facts]
    tell: Tell
    left_alone: set[str] = field(default_factory=set)


@asynccontextmanager
async def hold(
    fleet: Fleet,
    environment: Environment,
    facts: dict[str, Facts],
    tell: Tell,
    document: Callable[[int, str], Mapping[str, Any]],
    lost: tuple[str, ...] = (),
) -> AsyncIterator[Hold]:
    """Lease every member, settle what is open, read again; renew for the length of the block; give back after it, but what is left alone.

    `document` makes what every host journals from the number and the id. `lost` are members that are written off, none of which is
    in `fleet`: then the others are leased under a higher term. Raises Refused when somebody else holds a lease, or when what is open
    has a lead that is not here; Unsettled when an earlier deployment cannot be settled on every member.
    """
    if not lost:
        refuse_without_lead(facts, fleet, environment)
    try:
        claim, told, facts = await _claim(fleet, environment, facts, tell, document, lost)
    except HostError as error:
        raise unreachable({error.host: error}, fleet) from error
    async with lease.renewed(fleet, claim):
        left_alone: set[str] = set()
        try:
            facts = await settled(fleet, claim, told, environment, facts)
            yield Hold(claim, facts, told, left_alone)
        finally:
            await undisturbed(lease.release(fleet, claim, besides=left_alone))


async def settled(fleet: Fleet, claim: Claim, tell: Tell, environment: Environment, facts: dict[str, Facts]) -> dict[str, Facts]:
    """Settle each deployment that is open anywhere, by `facts` that were read under the leases, under this driver's number; read again.

    What one member has recorded as decided is followed by all, of the highest term where two differ. Else the lead decides, or, where
    that is written off, the first of the others. Tasks that ran for a deployment that did not go live are undone then, or named: its own
    driver may not have come to it.

    Raises Unsettled for one that cannot be settled; interrupted, Refused before anything was settled and Unsettled behind it.
    """
    begun: list[str] = []
    try:
        return await _settled(fleet, claim, tell, environment, facts, begun)
    except asyncio.CancelledError:
        if not begun:
            raise lease.interrupted() from None
        raise Unsettled(
            f"interrupted when {begun[-1]}, which another driver had left open, was settled",
            state="this command began nothing of its own; a host that has not heard the decision asks the lead by itself",
            hint=f"shipway resume {fleet.environment} settles what is still open",
            code="interrupted",
        ) from None


async def _settled(
    fleet: Fleet, claim: Claim, tell: Tell, environment: Environment, facts: dict[str, Facts], begun: list[str]
) -> dict[str, Facts]:
    open_ones = unsettled(facts, besides=claim.deployment)
    if not claim.lost:
        refuse_without_lead(facts, fleet, environment, besides=claim.deployment)
    for deployment, lead in open_ones.items():
        known = recorded(facts, deployment)
        begun.append(deployment)
        if claim.lost:
            ending = await to_its_end(decision.take_over(fleet, claim, tell, deployment, known))
        elif known is None:
            ending = await to_its_end(decision.settle(fleet, claim, tell, deployment, lead))
        else:
            ending = await to_its_end(decision.follow(fleet, claim, tell, deployment, known))
        if not ending.settled:
            raise silent(ending, deployment, fleet.environment)
    if open_ones:
        try:
            facts = await read(fleet)
        except Refused as refused:
            raise gone_behind_a_settlement(refused, tuple(open_ones), fleet.environment) from refused
    left = ask.left_of(facts)
    begun += [str(task["deployment"]) for todo in left.values() for task in todo]
    done = await to_its_end(undo_tasks(fleet, claim, tell, left))
    if done.words:
        tell("note", message=f"of earlier deployments that did not go live, {done.words}", of=LEFT)
    return facts


def refuse_without_lead(facts: Mapping[str, Facts], fleet: Fleet, environment: Environment, besides: str = "") -> None:
    """Nobody but its lead may decide what is open. Raises Refused where the lead is not among the hosts of this command."""
    for deployment, lead in open_deployments(facts, besides).items():
        if lead in fleet.hosts or recorded(facts, deployment) is not None:
            continue
        name = environment.name
        left_out = lead in [host.name for host in environment.without]
        raise Refused(
            f"deployment {deployment} is not decided, and its lead {lead} {'is left out' if left_out else 'is not in shipway.toml'}",
            state="nothing was touched by this command; each host goes back by itself at its deadline, and waits for the decision",
            hint=("" if left_out else f"put {lead} back into shipway.toml and commit, then ") + without_lead(name, (lead,)),
            code="lead-missing",
        )


async def _claim(
    fleet: Fleet,
    environment: Environment,
    facts: dict[str, Facts],
    tell: Tell,
    document: Callable[[int, str], Mapping[str, Any]],
    lost: tuple[str, ...],
) -> tuple[Claim, Tell, dict[str, Facts]]:
    in_order = False
    for _ in range(TRIES):
        number = ask.next_number(facts)
        deployment = f"{number}-{os.urandom(3).hex()}"
        claim = Claim(
            deployment=deployment,
            number=number,
            owner=who(),
            lead=fleet.names[0],
            members=fleet.names,
            lease_seconds=environment.lease_seconds,
            confirm_seconds=environment.confirm_seconds,
            document=document(number, deployment),
            term=ask.next_term(facts, fleet.names[0], (*fleet.names, *lost)) if lost else ask.highest_term(facts),
            lost=lost,
        )
        told = tell.named(deployment)
        try:
            return claim, told, await lease.take(fleet, claim, told, in_order=in_order)
        except (Fenced, Contended) as beaten:
            in_order = in_order or isinstance(beaten, Contended)
            facts = await read(fleet)
    raise Refused(
        "another operator takes leases at the same time and is always quicker",
        state="nothing was touched by this command",
        hint=f"shipway status {environment.name} tells what serves; {AGAIN} when the other deployment has ended",
        code="lease-raced",
    )
