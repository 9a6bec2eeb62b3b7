"""Bugs to be planted in the decision code, each by name: what the rules are for, seen by what happens without them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from shipway.execute import decision, lease
from shipway.execute.conduct import Conduct
from shipway_agent import decide, peers
from shipway_agent.decide import Attempt, Member, Outcome
from shipway_agent.states import BACK, COMMITTED, DECISIONS, DISCARDED, INTENT, REVERTED
from tests.simulation.host import SimulatedHost

Message = Mapping[str, Any]
Plant = Callable[[pytest.MonkeyPatch], None]

ASK, TELL, TICK, BOOT, ARM, LEASE = (decide.RULES[do] for do in ("ask", "tell", "tick", "boot", "arm", "lease"))
LEARN, EXPIRE = decide._learn, decide._expire


def _rule(do: str, rule: Callable[[Member, Message, float], Outcome]) -> Plant:
    return lambda patch: patch.setitem(decide.RULES, do, rule)


def _function(name: str, function: Callable[..., Any]) -> Plant:
    return lambda patch: patch.setattr(decide, name, function)


def _commit_without_a_record(member: Member, message: Message, now: float) -> Outcome:
    return member, {"ok": True, "decision": COMMITTED}


def _guess_forward(member: Member, message: Message, now: float) -> Outcome:
    return TELL(member, {"deployment": message["deployment"], "decision": COMMITTED, "answer": True}, now)


def _tell_and_forget(member: Member, message: Message, now: float) -> Outcome:
    return member, {"ok": True, "decision": message["decision"]}


def _tell_whatever_the_number(member: Member, message: Message, now: float) -> Outcome:
    return TELL(member, {**message, "answer": True}, now)


def _acknowledge_only(member: Member, attempt: Attempt, decision: str) -> Member:
    learned = LEARN(member, attempt, decision)
    return replace(learned, current=member.current) if attempt.stage == BACK else learned


def _stay_forward(member: Member, attempt: Attempt, decision: str) -> Member:
    learned = LEARN(member, attempt, decision)
    return replace(learned, current=member.current) if decision == REVERTED else learned


def _decide_for_oneself(member: Member, message: Message, now: float) -> Outcome:
    after, reply = TICK(member, message, now)
    for deployment in reply["asks"]:
        attempt = after.attempt(deployment)
        if attempt is not None:
            after = LEARN(after, attempt, REVERTED)
    return after, {"ok": True, "asks": []}


def _discard_intents_too(member: Member, now: float) -> Member:
    after = EXPIRE(member, now)
    if after is member:
        return member
    return replace(after, attempts=tuple(replace(a, stage=DISCARDED) if a.stage in INTENT else a for a in after.attempts))


def _expire_without_discarding(member: Member, now: float) -> Member:
    return member if member.lease is None or decide.live(member.lease, now) else replace(member, lease=None)


def _overwrite(do: str, stage: str) -> Plant:
    first = decide.RULES[do]

    def rule(member: Member, message: Message, now: float) -> Outcome:
        attempt = member.attempt(message["deployment"])
        if attempt is None or attempt.stage not in DECISIONS:
            return first(member, message, now)
        current = attempt.target if stage == COMMITTED else attempt.base
        return replace(decide._put(member, replace(attempt, stage=stage)), current=current), {"ok": True, "decision": stage}

    return _rule(do, rule)


def _answer_before_writing(member: Member, message: Message, now: float) -> Outcome:
    return member, ASK(member, message, now)[1]


def _forget_the_base(member: Member, message: Message, now: float) -> Outcome:
    after, reply = ARM(member, message, now)
    attempt = after.attempt(message["deployment"])
    return (decide._put(after, replace(attempt, base=None)) if reply["ok"] and attempt is not None else after), reply


def _stay_after_a_reboot(member: Member, message: Message, now: float) -> Outcome:
    return replace(member, lease=None), {"ok": True}


def _keep_leases_over_a_reboot(member: Member, message: Message, now: float) -> Outcome:
    after, reply = BOOT(member, message, now)
    return replace(after, lease=member.lease), reply


def _renew_after_death(member: Member, message: Message, now: float) -> Outcome:
    if member.lease is not None:
        member = replace(member, lease=replace(member.lease, until=now + member.lease.until - member.lease.since))
    return TICK(member, message, now)


def _lease_by_the_wall(member: Member, message: Message, now: float) -> Outcome:
    after, reply = LEASE(member, message, now)
    if not reply["ok"] or after.lease is None:
        return after, reply
    return replace(after, lease=replace(after.lease, until=now + message["seconds"] + time.time() % 60.0)), reply


async def _no_verification(conduct: Conduct, work: object) -> None:
    return None


async def _tell_members_first(fleet: Any, claim: Any, tell: Any) -> Any:
    await decision._tell_all(fleet, claim, tell, claim.deployment, COMMITTED)
    return await _commit(fleet, claim, tell)


_commit = decision.commit
_do = SimulatedHost._do


async def _again(host: SimulatedHost, session: Any, args: Message, step: Message, emit: Any) -> dict[str, Any]:
    """A step that is done is done again when it is sent again."""
    row = host.rows.get((args["deployment"], step["key"]))
    if row is not None and row.state == "done":
        row.state = "failed"
    return await _do(host, session, args, step, emit)


def _without_exclusion(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide, "_number", lambda message, member: (10**9, 10**9))
    patch.setattr(decide, "_driven", lambda member, attempt, now: True)


def _never_exclude(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide, "live", lambda held, now: False)


async def _settle_nothing(fleet: Any, claim: Any, tell: Any, environment: Any, facts: Any) -> Any:
    return facts


def _take_one_lease_only(patch: pytest.MonkeyPatch) -> None:
    take_one = lease._take_one

    async def take(fleet: Any, name: str, claim: Any, known: Any, tell: Any) -> Any:
        if name == fleet.names[-1]:
            return await take_one(fleet, name, claim, known, tell)
        return await fleet.call(name, "look")

    patch.setattr(lease, "_take_one", take)


MUTANTS: Mapping[str, Plant] = {
    "commit leaves no record at the lead": _rule("commit", _commit_without_a_record),
    "members are told before the lead has written": lambda patch: patch.setattr(decision, "commit", _tell_members_first),
    "commit before verify": lambda patch: patch.setattr(Conduct, "_verify", _no_verification),
    "the number is not looked at": _function("_number", lambda message, member: (10**9, 10**9)),
    "neither number nor lease is looked at": _without_exclusion,
    "a lease excludes nobody": _never_exclude,
    "a late tell is taken after a higher number": _rule("tell", _tell_whatever_the_number),
    "a member past its deadline guesses forward": _rule("alone", _guess_forward),
    "a member past its deadline decides for itself": _rule("tick", _decide_for_oneself),
    "a commit is acknowledged without serving it": _function("_learn", _acknowledge_only),
    "an undo leaves the new generation": _function("_learn", _stay_forward),
    "a decision told is acknowledged and forgotten": _rule("tell", _tell_and_forget),
    "a commit overwrites a reverted": _overwrite("commit", COMMITTED),
    "an undo overwrites a committed": _overwrite("undo", REVERTED),
    "the lead answers before it writes": _rule("ask", _answer_before_writing),
    "an intent is discarded with the lease": _function("_expire", _discard_intents_too),
    "a lease runs out and discards nothing": _function("_expire", _expire_without_discarding),
    "a lead that let go before its intent listens no more": lambda patch: patch.setattr(peers, "never_told", lambda member: ()),
    "what was current is not remembered": _rule("arm", _forget_the_base),
    "a candidate serves after a reboot": _rule("boot", _stay_after_a_reboot),
    "a lease outlives a reboot": _rule("boot", _keep_leases_over_a_reboot),
    "renewals go on after death": _rule("tick", _renew_after_death),
    "a lease counts on the wall clock": _rule("lease", _lease_by_the_wall),
    "a step that is sent again is done again": lambda patch: patch.setattr(SimulatedHost, "_do", _again),
    "a driver does not settle what is open": lambda patch: patch.setattr("shipway.flows.begin.settled", _settle_nothing),
    "a driver takes one lease only": _take_one_lease_only,
    "a driver lets go of what it does not know the end of": lambda patch: patch.setattr(Conduct, "_open", lambda self, ending: frozenset()),
}
"""The name of each bug, and how to plant it."""
