"""A connected fleet in, a held one out: leases on every member, what others left open settled, facts read under the lease."""

from __future__ import annotations

import asyncio
import getpass
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from shipway.execute import ask, decision, lease
from shipway.execute.ask import Facts
from shipway.execute.fleet import Fleet
from shipway.execute.lease import Claim, Fenced
from shipway.execute.telling import Tell
from shipway.execute.undo import left_of, undo_tasks
from shipway.execute.uninterrupted import to_its_end, undisturbed
from shipway.flows.words_of_failure import silent, unreachable
from shipway.model.errors import AGAIN, HostError, Refused, Unsettled
from shipway.model.intent import Environment

LEFT = "left"
"""What a note is of that names tasks of earlier deployments: the verdict says it once more."""

INTENT = ("armed", "switched", "back")
TRIES = 5
"""Times a higher number is taken when another driver was quicker; then the other one is named."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Leases of one driver on the whole fleet, and what was there when it had them all."""

    claim: Claim
    facts: dict[str, Facts]
    tell: Tell


async def read(fleet: Fleet, *, verify: bool = False) -> dict[str, Facts]:
    """The facts of every host. Raises Refused naming all that cannot be reached."""
    connected = await fleet.connect()
    if connected.errors:
        raise unreachable(connected.errors, fleet)
    looked = await ask.look(fleet, verify=verify)
    if looked.errors:
        raise unreachable(looked.errors, fleet)
    return looked.answers


@asynccontextmanager
async def hold(
    fleet: Fleet,
    environment: Environment,
    facts: dict[str, Facts],
    tell: Tell,
    document: Callable[[int, str], Mapping[str, Any]],
) -> AsyncIterator[Hold]:
    """Lease every member, settle what is open, read again; renew for the length of the block and give back after it.

    `document` makes what every host journals from the number and the id. Raises Refused when somebody else holds a lease,
    Unsettled when an earlier deployment cannot be settled on every member.
    """
    refuse_without_lead(facts, fleet, environment)
    try:
        claim, told = await _claim(fleet, environment, facts, tell, document)
    except HostError as error:
        raise unreachable({error.host: error}, fleet) from error
    async with lease.renewed(fleet, claim):
        try:
            facts = await settled(fleet, claim, told, environment)
            yield Hold(claim, facts, told)
        finally:
            await undisturbed(lease.release(fleet, claim))


async def settled(fleet: Fleet, claim: Claim, tell: Tell, environment: Environment) -> dict[str, Facts]:
    """Read all hosts; settle each deployment that is open anywhere under this driver's number; read again.

    What one member has recorded as decided is followed by all, whoever of them has lost its record since. Else the lead decides.
    Tasks that ran for a deployment that did not go live are undone then, or named: its own driver may not have come to it.

    Raises Unsettled for one that cannot be settled; interrupted, Refused before anything was settled and Unsettled behind it.
    """
    begun: list[str] = []
    try:
        return await _settled(fleet, claim, tell, environment, begun)
    except asyncio.CancelledError:
        if not begun:
            raise lease.interrupted() from None
        raise Unsettled(
            f"interrupted when {begun[-1]}, which another driver had left open, was settled",
            state="this command began nothing of its own; a host that has not heard the decision asks the lead by itself",
            hint=f"shipway resume {fleet.environment} settles what is still open",
            code="interrupted",
        ) from None


async def _settled(fleet: Fleet, claim: Claim, tell: Tell, environment: Environment, begun: list[str]) -> dict[str, Facts]:
    facts = await read(fleet)
    open_ones = open_deployments(facts, besides=claim.deployment)
    refuse_without_lead(facts, fleet, environment, besides=claim.deployment)
    for deployment, lead in open_ones.items():
        known = recorded_decision(facts, deployment)
        begun.append(deployment)
        if known is None:
            ending = await to_its_end(decision.settle(fleet, claim, tell, deployment, lead))
        else:
            ending = await to_its_end(decision.follow(fleet, claim, tell, deployment, known))
        if not ending.settled:
            raise silent(ending, deployment, fleet.environment)
    if open_ones:
        facts = await read(fleet)
    left = left_of(facts)
    begun += [str(task["deployment"]) for todo in left.values() for task in todo]
    done = await to_its_end(undo_tasks(fleet, claim, tell, left))
    if done.words:
        tell("note", message=f"of earlier deployments that did not go live, {done.words}", of=LEFT)
    return facts


def is_quiet(facts: Mapping[str, Facts]) -> bool:
    """Whether nothing of an earlier deployment has to be settled or undone."""
    return not open_deployments(facts) and not left_of(facts)


def open_deployments(facts: Mapping[str, Facts], besides: str = "") -> dict[str, str]:
    """Deployments with an intent and no decision on some host, with their lead, oldest first."""
    found: dict[str, tuple[int, str]] = {}
    for fact in facts.values():
        for attempt in fact["member"]["attempts"]:
            if attempt["stage"] in INTENT and attempt["deployment"] != besides:
                found[attempt["deployment"]] = (attempt["fence"], attempt["lead"])
    return {deployment: lead for deployment, (_, lead) in sorted(found.items(), key=lambda item: item[1])}


def recorded_decision(facts: Mapping[str, Facts], deployment: str) -> str | None:
    """What some member has recorded as the decision of a deployment; of a higher term where two differ. None where nobody has."""
    found = [
        (int(fact["member"]["term"]), str(attempt["stage"]))
        for fact in facts.values()
        for attempt in fact["member"]["attempts"]
        if attempt["deployment"] == deployment and attempt["stage"] in (decision.COMMITTED, decision.REVERTED)
    ]
    return max(found)[1] if found else None


def refuse_without_lead(facts: Mapping[str, Facts], fleet: Fleet, environment: Environment, besides: str = "") -> None:
    """Nobody but its lead may decide what is open. Raises Refused where the lead is not among the hosts of this command."""
    for deployment, lead in open_deployments(facts, besides).items():
        if lead in fleet.hosts or recorded_decision(facts, deployment) is not None:
            continue
        name = environment.name
        left_out = lead in [host.name for host in environment.without]
        raise Refused(
            f"deployment {deployment} is not decided, and its lead {lead} {'is left out' if left_out else 'is not in shipway.toml'}",
            state="nothing was touched by this command; each host goes back by itself at its deadline, and waits for the decision",
            hint=(
                f"shipway resume {name} settles it when {lead} can be reached"
                + ("" if left_out else " and is back in shipway.toml")
                + f"; shipway abort {name} --lost {lead} settles it without {lead}, if that host is gone for ever"
            ),
            code="lead-missing",
        )


def who() -> str:
    """The person and machine behind this driver, for records only."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"{name}@{socket.gethostname()}"


async def _claim(
    fleet: Fleet,
    environment: Environment,
    facts: dict[str, Facts],
    tell: Tell,
    document: Callable[[int, str], Mapping[str, Any]],
) -> tuple[Claim, Tell]:
    for _ in range(TRIES):
        number = ask.next_number(facts)
        deployment = f"{number}-{secrets.token_hex(3)}"
        claim = Claim(
            deployment=deployment,
            number=number,
            owner=who(),
            lead=fleet.names[0],
            members=fleet.names,
            lease_seconds=environment.lease_seconds,
            confirm_seconds=environment.confirm_seconds,
            document=document(number, deployment),
            term=ask.highest_term(facts),
        )
        told = tell.named(deployment)
        try:
            await lease.take(fleet, claim, told)
        except Fenced:
            facts = await read(fleet)
            continue
        return claim, told
    raise Refused(
        "another operator takes leases at the same time and is always quicker",
        state="nothing was touched by this command",
        hint=f"shipway status {environment.name} tells what serves; {AGAIN} when the other deployment has ended",
        code="lease-raced",
    )
