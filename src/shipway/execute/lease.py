"""A fleet in, leases on every member out, with what is there. The lead's first, then all others at once; renewed while the driver lives,
never forced.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from shipway.execute.ask import Facts
from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.execute.uninterrupted import to_its_end
from shipway.model.doing import Doing
from shipway.model.elders import known_to_each
from shipway.model.errors import AGAIN, HostError, Refused
from shipway_agent.decide import UNNAMED
from shipway_agent.patience import patient
from shipway_agent.record import dataclass, field

Json = Mapping[str, Any]

LEASE_SECONDS = 30.0
"""Bound of one question for a lease: a host starts its supervisor before it answers."""

SLACK_SECONDS = 2.0
"""Added to a lease's remaining time before it is asked for again."""

SAY_SECONDS = 5.0
"""Who waits for a lease says so again each time that these have passed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a driver says of itself when it takes leases. `number` is its fencing number and its generation.

    `lost` are members that it writes off: then its `term` is a higher one, and `lead` and `members` are those that are left.
    """

    deployment: str
    number: int
    owner: str
    lead: str
    members: tuple[str, ...]
    lease_seconds: float
    confirm_seconds: float
    document: Json = field(default_factory=dict)
    term: int = 0
    lost: tuple[str, ...] = ()

    def message(self, do: str, **more: Any) -> dict[str, Any]:
        """A message of this driver to a host's record."""
        return {"do": do, "deployment": self.deployment, "fence": self.number, "term": self.term, **more}


class Fenced(Exception):
    """A host has seen a number at least as high: look again and take a higher one."""


class Contended(Exception):
    """Somebody else holds the lease of a host that was asked for out of order, and may be waiting for one that is held here."""


async def take(fleet: Fleet, claim: Claim, tell: Tell, *, in_order: bool = False) -> dict[str, Facts]:
    """Lease every member, and answer the facts of each as they were once its lease was granted.

    The first by id is asked first and alone: whoever has that lease meets nobody else who takes leases of the same members. Then all
    others are asked at once. Drivers of unlike members (`--without`) may then each hold a lease that the other wants: who sees the other
    renew gives all back (Contended) and asks again `in_order` of id, in which such a circle cannot come about.

    A lease that a silent driver left is waited out; a driver that still renews is not. Raises Refused (who holds it, since
    when, how far; or that it was interrupted) after giving back what was taken, Fenced when the number is too low, HostError when a
    host cannot be heard.
    """
    asked: list[str] = []
    facts: dict[str, Facts] = {}
    known = known_to_each(claim.members)

    async def one(name: str) -> None:
        asked.append(name)
        facts[name] = await _take_one(fleet, name, claim, known[name], tell)

    try:
        async with renewed(fleet, claim):  # waiting for one host may outlast the lease of another
            first, *others = fleet.names
            await one(first)
            if in_order:
                for name in others:
                    await one(name)
            else:
                await _all_of(one, others)
            return {name: facts[name] for name in fleet.names}
    except asyncio.CancelledError:
        await _give_back(fleet, claim, asked)
        raise interrupted() from None
    except BaseException:
        await _give_back(fleet, claim, asked)
        raise


def interrupted() -> Refused:
    """The error for an interruption of a driver that has leases and has touched nothing."""
    return Refused(
        "interrupted before anything began",
        state="nothing was touched, and the leases are given back",
        hint=AGAIN,
        code="interrupted",
    )


async def release(fleet: Fleet, claim: Claim, *, besides: Collection[str] = ()) -> dict[str, HostError]:
    """Give the leases back, but for those of `besides`. Returns the hosts that could not be told; theirs run out."""
    hosts = [name for name in fleet.reached if name not in besides]
    outcomes = await fleet.each(lambda name: fleet.call(name, "decide", claim.message("finish")), hosts)
    return outcomes.errors


@asynccontextmanager
async def renewed(fleet: Fleet, claim: Claim) -> AsyncIterator[None]:
    """Keep the leases alive for the length of the block: one renewal of every host each third of the lease.

    Each host has a clock of its own: one that does not answer holds up no renewal of another.
    """
    tasks = [asyncio.ensure_future(_renew_for_ever(fleet, claim, name)) for name in fleet.names]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


async def _all_of(take_one: Callable[[str], Awaitable[None]], names: Sequence[str]) -> None:
    """Ask all at once. After the first no, what is under way is awaited, for a lease that was granted must be given back.

    Raises Contended in place of a refusal by whoever holds one of them.
    """
    asking = [asyncio.ensure_future(take_one(name)) for name in names]
    try:
        if asking:
            await asyncio.wait(asking, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    faults = [fault for one in asking if not one.cancelled() and (fault := one.exception()) is not None]
    for fault in sorted(faults, key=lambda one: isinstance(one, Refused)):
        if isinstance(fault, Refused) and fault.code == "lease-held":
            raise Contended from fault
        raise fault


async def _give_back(fleet: Fleet, claim: Claim, asked: list[str]) -> None:
    """To a host that never granted it this says nothing; one that cannot be told lets it run out."""
    with contextlib.suppress(HostError):
        await fleet.each(lambda name: fleet.call(name, "decide", claim.message("finish"), again=False), asked)


async def _take_one(fleet: Fleet, name: str, claim: Claim, known: tuple[str, ...], tell: Tell) -> Facts:
    unnamed = len(claim.members) - len(known)
    message = claim.message(
        "lease",
        look=True,
        owner=claim.owner,
        seconds=claim.lease_seconds,
        lead=claim.lead,
        members=list(known),
        confirm_seconds=claim.confirm_seconds,
        document={**claim.document, **({UNNAMED: unnamed} if unnamed else {})},
        **({"lost": list(claim.lost)} if claim.lost else {}),
    )
    loop = asyncio.get_running_loop()
    began = loop.time()
    give_up = None
    said: float | None = None
    least = float("inf")
    while True:
        reply = await to_its_end(
            fleet.call(name, "decide", message, timeout_seconds=patient(LEASE_SECONDS))
        )  # a lease that is granted unheard would be held in vain
        if reply["ok"]:
            tell("leased", host=name, fence=claim.number, seconds=loop.time() - began)
            facts: Facts = reply["facts"]
            return facts
        if reply["code"] == "fenced":
            raise Fenced(name)
        left = float(reply.get("seconds_left", 0.0))
        renews = left > least + 0.05
        if reply["code"] not in ("held", "busy") or renews or (give_up is not None and loop.time() > give_up):
            raise _held(name, reply, fleet.environment)
        if give_up is None:
            bound = left + SLACK_SECONDS if reply["code"] == "held" else float(reply.get("seconds_left", 60.0)) + SLACK_SECONDS
            give_up = loop.time() + bound
        if said is None or loop.time() - said >= SAY_SECONDS:
            said = loop.time()
            tell("waiting", host=name, what=_what(reply), bound_seconds=max(0.0, give_up - said))
        least = min(least, left)
        await asyncio.sleep(min(0.5, max(0.05, left)) if reply["code"] == "held" else 0.25)


def _what(reply: Json) -> str:
    if reply["code"] == "held":
        progress = reply.get("progress")
        heard = Doing.of(progress).heard_seconds if isinstance(progress, Mapping) else None
        silent = f" who was heard {heard:.0f} s ago," if heard is not None else ""
        left = f" in {float(reply['seconds_left']):.0f} s" if "seconds_left" in reply else ""
        return f"the lease of {reply['owner']} ({reply['deployment']}),{silent} to be renewed or to run out{left}"
    return f"{_step(reply)} to end"


def _step(reply: Json) -> str:
    """A step as a person knows it: what is done once per release is not of one deployment, and its key has a digest behind the name."""
    deployment, words = str(reply.get("deployment", "")), str(reply.get("key", "a step")).split(":")
    name = " ".join(words[:2]) if words[0] == "task" else f"step {words[0]}"
    return f"{name} of an earlier deployment" if deployment.startswith("release:") else f"{name} of {deployment}"


def _held(name: str, reply: Json, environment: str) -> Refused:
    if reply["code"] == "held":
        progress = reply.get("progress")
        far = f", {Doing.of(progress).far}" if isinstance(progress, Mapping) else ""
        return Refused(
            f"{reply['owner']} is deploying: {reply['deployment']} holds the lease of {name} for {reply['seconds_held']:.0f} s{far}",
            state="nothing was touched by this command; the other deployment goes on",
            hint=f"shipway attach {environment} watches it; {AGAIN} when it has ended",
            code="lease-held",
        )
    if reply["code"] == "busy":
        return Refused(
            f"{_step(reply)} still runs on {name}",
            state="nothing was touched by this command",
            hint=f"it is ended at its own timeout; then {AGAIN}",
            code="busy",
        )
    return Refused(
        f"{name} refused the lease: {reply['code']}",
        state="nothing was touched by this command",
        hint=f"shipway status {environment} shows what the host remembers; shipway resume {environment} settles what is open",
        code="lease-refused",
    )


async def _renew_for_ever(fleet: Fleet, claim: Claim, name: str) -> None:
    """A host that cannot be told is skipped: its own steps and the verification notice, and it decides by its own clock.

    A renewal counts when it arrives, and its answer may be behind much output on a slow link: the next one does not wait for it.
    """
    under_way: list[asyncio.Task[None]] = []
    try:
        while True:
            await asyncio.sleep(claim.lease_seconds / 3)
            for renewal in [one for one in under_way if one.done()]:
                under_way.remove(renewal)
                renewal.result()
            under_way.append(asyncio.ensure_future(_renew(fleet, claim, name)))
    finally:
        for renewal in under_way:
            renewal.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _renew(fleet: Fleet, claim: Claim, name: str) -> None:
    if name in fleet.reached:
        message = claim.message("renew", seconds=claim.lease_seconds, owner=claim.owner)
        with contextlib.suppress(HostError):
            await fleet.call(name, "decide", message, again=False, timeout_seconds=claim.lease_seconds)
