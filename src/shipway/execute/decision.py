"""A deployment that must end in, the decision at the lead and every member's acknowledgement out.

The lead's record is the decision. It is written there first, whichever it is, and no member is told before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from shipway.execute.fleet import Fleet
from shipway.execute.lease import Claim
from shipway.execute.steps import as_sent
from shipway.execute.telling import Tell
from shipway.model.elders import are_many, elders
from shipway.model.errors import HostError, HostRefused, Overdue, Unrestored
from shipway.model.plan import Step
from shipway_agent.decide import EVERYBODY
from shipway_agent.record import dataclass, field

Json = Mapping[str, Any]

COMMITTED = "committed"
REVERTED = "reverted"

ASK_AGAIN_SECONDS = 0.5
DECIDE_SECONDS = 15.0
"""Bound of one question to the lead."""

ACKNOWLEDGE_SECONDS = 90.0
"""Bound of one member's acknowledgement: one that went back alone starts its generation again before it says yes."""

TRIES = 3
"""Times that the lead may fail to put data back while this driver waits for it. It goes on trying when nobody waits any more."""

HEAR_SECONDS = 10.0
"""Bound of what is only said so that hosts need not find it out."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a deployment ended. `decision` is None when the lead could not be heard; `silent` are hosts without acknowledgement."""

    decision: str | None
    silent: dict[str, HostError] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        return self.decision is not None and not self.silent


async def commit(fleet: Fleet, claim: Claim, tell: Tell) -> Ending:
    """Write *committed* on the lead, then tell all others. If *reverted* stands there already, that is followed.

    A lead that answers *committed* serves it: that is its acknowledgement. That all have acknowledged is left to `acknowledged_step`.
    """
    reply = await _ask_lead(fleet, claim.lead, claim.message("commit"), claim.confirm_seconds, tell)
    if isinstance(reply, HostError):
        return Ending(None, {claim.lead: reply})
    decision = str(reply["decision"])
    tell("decided", host=claim.lead, decision=decision)
    if decision != COMMITTED:
        return Ending(decision, await _tell_all(fleet, claim, tell, claim.deployment, decision))
    _told(tell, claim.lead, decision, reply)
    others = [name for name in fleet.names if name != claim.lead]
    return Ending(decision, await _tell(fleet, claim, tell, claim.deployment, decision, others))


def acknowledged_step(deployment: str, members: Sequence[str], *, all_of_it: bool = True) -> Step:
    """Nobody has a question left: no host needs to listen any more. Where this is not heard, hosts find it out from each other.

    With `all_of_it` these are all members of that deployment; among many, hosts know no other word for it.
    """
    args = {"deployment": deployment, "members": [EVERYBODY] if all_of_it and are_many(members) else list(members)}
    return Step(f"acknowledged:{deployment}", "peers.acknowledged", args, "all have acknowledged", HEAR_SECONDS)


async def undo(fleet: Fleet, claim: Claim, tell: Tell, bound_seconds: float, reason: Mapping[str, object] | None = None) -> Ending:
    """Write *reverted* on the lead, then tell all. If *committed* stands there already, that is followed.

    The lead is asked for `bound_seconds`. Silent, the members are not told: each decides by its own clock. `reason` is for
    whoever the lead has to tell.
    """
    message = claim.message("undo", **({} if reason is None else {"reason": dict(reason)}))
    return await _decide(fleet, claim, tell, message, claim.deployment, bound_seconds=bound_seconds)


async def settle(fleet: Fleet, claim: Claim, tell: Tell, deployment: str, lead: str) -> Ending:
    """End a deployment that another driver left open, under this driver's number. Every member must record it."""
    message = claim.message("undo") | {"deployment": deployment}
    ending = await _decide(fleet, claim, tell, message, deployment, lead=lead)
    if ending.decision is not None:
        tell("settled", deployment_settled=deployment, decision=ending.decision)
    return ending


async def follow(fleet: Fleet, claim: Claim, tell: Tell, deployment: str, decision: str) -> Ending:
    """Tell every host a decision that some member has on record already."""
    ending = Ending(decision, await _tell_all(fleet, claim, tell, deployment, decision))
    tell("settled", deployment_settled=deployment, decision=decision)
    return ending


async def take_over(fleet: Fleet, claim: Claim, tell: Tell, deployment: str, known: str | None) -> Ending:
    """End a deployment whose lead is lost, when every other member is fenced under this driver's term.

    What a member has on record (`known`) stands, else it is *reverted*; it is written on the lead of this term first, then told.
    """
    message = claim.message("undo") if known is None else claim.message("tell", decision=known, lead=claim.lead)
    reply = await _ask_lead(fleet, claim.lead, message | {"deployment": deployment}, claim.confirm_seconds, tell)
    if isinstance(reply, HostError):
        return Ending(None, {claim.lead: reply})
    decision = str(reply["decision"])
    tell("decided", host=claim.lead, decision=decision)
    ending = Ending(decision, await _tell_all(fleet, claim, tell, deployment, decision, lead=claim.lead))
    tell("settled", deployment_settled=deployment, decision=decision)
    return ending


async def _decide(
    fleet: Fleet,
    claim: Claim,
    tell: Tell,
    message: dict[str, object],
    deployment: str,
    *,
    lead: str | None = None,
    bound_seconds: float | None = None,
) -> Ending:
    lead = lead or claim.lead
    reply = await _ask_lead(fleet, lead, message, bound_seconds or claim.confirm_seconds, tell)
    if isinstance(reply, HostError):
        return Ending(None, {lead: reply})
    decision = str(reply["decision"])
    tell("decided", host=lead, decision=decision)
    return Ending(decision, await _tell_all(fleet, claim, tell, deployment, decision))


async def _ask_lead(fleet: Fleet, lead: str, message: dict[str, object], bound_seconds: float, tell: Tell) -> Json | HostError:
    """Ask until the lead answers or the bound is reached: the question may be repeated, for the first writer wins.

    A lead that has to put data back first says how long that may take, and is waited for that long.
    """
    loop = asyncio.get_running_loop()
    give_up = loop.time() + bound_seconds
    failure: HostError | None = None
    tries = 0
    bound = asyncio.timeout_at(give_up)
    try:
        async with bound:
            while True:
                try:
                    reply = await fleet.call(lead, "decide", message, timeout_seconds=DECIDE_SECONDS)
                    restoring = reply.get("restoring")
                    if restoring is None:
                        if reply.get("note"):
                            tell("note", host=lead, message=str(reply["note"]))
                        return _decided(lead, reply)
                    if not isinstance(failure, Unrestored):
                        tries = int(restoring["tries"]) + TRIES
                        give_up = max(give_up, loop.time() + float(restoring["bound_seconds"]))
                        bound.reschedule(give_up)
                        tell("waiting", host=lead, what=f"{restoring['point']} to be put back", bound_seconds=give_up - loop.time())
                    failure = Unrestored(lead, restoring)
                    if failure.tries >= tries:
                        return failure
                except HostError as error:
                    if failure is None:
                        tell("waiting", host=lead, what="the lead's decision", bound_seconds=max(0.0, give_up - loop.time()))
                    failure = error
                await asyncio.sleep(ASK_AGAIN_SECONDS)
    except TimeoutError:
        if not bound.expired():
            raise
        return failure or Overdue(lead, "overdue", f"it did not answer within {bound_seconds:g} s")


def _decided(lead: str, reply: Json) -> Json | HostError:
    if reply["ok"]:
        return reply
    return HostRefused(lead, str(reply["code"]), f"the lead refused to decide: {reply['code']}", facts=dict(reply))


async def _tell_all(
    fleet: Fleet, claim: Claim, tell: Tell, deployment: str, decision: str, *, lead: str | None = None
) -> dict[str, HostError]:
    errors = await _tell(fleet, claim, tell, deployment, decision, fleet.names, lead=lead)
    if not errors and len(fleet.names) > 1:
        await _all_acknowledged(fleet, claim, deployment)
    return errors


async def _tell(
    fleet: Fleet, claim: Claim, tell: Tell, deployment: str, decision: str, hosts: Sequence[str], *, lead: str | None = None
) -> dict[str, HostError]:
    message = {"do": "tell", "deployment": deployment, "decision": decision, "fence": claim.number, "term": claim.term}
    message |= {"lead": lead} if lead is not None else {}

    async def one(name: str) -> None:
        reply = await fleet.call(name, "decide", message, timeout_seconds=ACKNOWLEDGE_SECONDS)
        if not reply["ok"]:
            raise HostRefused(name, str(reply["code"]), f"does not follow the decision {decision}: {reply['code']}", facts=dict(reply))
        _told(tell, name, decision, reply)

    return (await fleet.each(one, hosts)).errors


def _told(tell: Tell, name: str, decision: str, reply: Json) -> None:
    down = {"downtime_seconds": reply["downtime_seconds"]} if "downtime_seconds" in reply else {}
    tell("told", host=name, decision=decision, **down)


async def _all_acknowledged(fleet: Fleet, claim: Claim, deployment: str) -> None:
    """Another deployment may have had members that are not here: its elders are told who is, and all others ask their lead."""
    own = deployment == claim.deployment
    hosts = fleet.names if own else elders(fleet.names)
    step = acknowledged_step(deployment, fleet.names, all_of_it=own)
    told = {"deployment": claim.deployment, "fence": claim.number, "term": claim.term, "decided": True, "steps": [as_sent(step)]}
    await fleet.each(lambda name: fleet.call(name, "run", told, again=False, timeout_seconds=HEAR_SECONDS), hosts)
