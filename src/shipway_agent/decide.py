"""A host's record and a message in, the new record and a reply out. Pure: no clock, no disk, no network.

These are the rules of docs/transaction.md. The daemon, the session and the simulation all call `handle`; whoever calls
it stores the new record durably before the reply leaves the host.
"""

from __future__ import annotations

from shipway_agent.memory import Attempt as Attempt
from shipway_agent.memory import Held as Held
from shipway_agent.memory import Lease as Lease
from shipway_agent.memory import Member as Member
from shipway_agent.memory import Warm as Warm
from shipway_agent.memory import from_json as from_json
from shipway_agent.memory import to_json as to_json
from shipway_agent.record import replace
from shipway_agent.states import (
    BACK,
    COMMITTED,
    DECISIONS,
    DISCARDED,
    INTENT,
    LEASED,
    PREPARED,
    RESTORING,
    REVERTED,
    SWITCHED,
    TENTATIVE,
    IllegalMove,
    move,
)
from shipway_agent.typed import Any, Callable, Dict, List, Mapping, Optional, Tuple

LET_GO = "let_go"
"""Key of an attempt's document: its driver itself ended it before anybody switched, so nobody asks how it ended."""

LEAVES_WARM = "leaves_warm"
"""Key of an attempt's document: it is about what serves, and what was warm before goes on being warm."""

UNNAMED = "unnamed"
"""Key of an attempt's document: how many members this host was not told by name; none where `members` are all of them."""

EVERYBODY = "*"
"""Stands among the names of an acknowledgement for all members, also those that a host was not told by name."""

TO_ASK = ("addresses", "peers")
"""Keys of an attempt's document that say where others are asked."""

BECAUSE = "because"
"""Key of an attempt's document while data is put back: what its driver, or a later one, said with its undo: {"fence", "reason"?}."""

PUT_BACK = "put_back"
"""Key of an attempt's document: what was put back before this lead went back, and where what was there is kept, in a sentence."""

KEPT_ATTEMPTS = 50
"""Settled deployments a host remembers for questions of others; the journal's events remember all."""


Reply = Dict[str, Any]
Outcome = Tuple[Member, Reply]


def handle(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """Answer one message. `now` is seconds of this host's boot clock.

    A reply has `ok`; a refusal has `ok: False`, a `code` (held, fenced, settled, unsettled, order, unknown, lead, expired,
    restoring) and the facts that explain it. A refused message changes nothing.
    """
    rule = RULES[message["do"]]
    try:
        after, reply = rule(member, message, now)
    except IllegalMove as error:
        return _refuse(member, "order", message=str(error))
    return (_keep_warm(member, after, message["deployment"], now) if message["do"] in ("commit", "tell") else after), reply


def live(lease: Optional[Lease], now: float) -> bool:
    """Whether the lease still excludes others."""
    return lease is not None and now < lease.until


def due(member: Member, now: float) -> Tuple[Attempt, ...]:
    """Attempts whose deadline has passed and whose driver is silent: the lead decides them, another host asks the lead."""
    late = (a for a in member.open() if a.stage != RESTORING and now >= a.deadline and not _driven(member, a, now))
    untold = [a for a in never_told(member) if a.lead != member.name]
    # A host that holds must hear how it ended, for only then it lets anybody in; its lead decides as soon as its driver is silent.
    holding = (a for a in member.attempts if a.stage == DISCARDED and is_held(member, a.deployment) and a not in untold)
    return (*late, *untold, *holding)


def is_held(member: Member, deployment: str) -> bool:
    """Whether nobody writes here for the sake of this deployment."""
    return member.held is not None and member.held.deployment == deployment


def is_touched(member: Member, deployment: str) -> bool:
    """Whether this deployment may have changed data here, and its restore point must be put back before this host goes back."""
    return member.held is not None and member.held.deployment == deployment and bool(member.held.point)


def never_told(member: Member) -> Tuple[Attempt, ...]:
    """Deployments that this host discarded because their driver fell silent, and of which it does not know how they ended.

    They had no intent here, but others may have switched: so their lead answers whoever asks, and another host, where it has the
    addresses, asks as well, that the lead knows when nobody will ask any more. A driver settles what is open before its hosts vote: so
    what lies below a vote has been told, and what lies only below a lease has not.
    """
    found: List[Attempt] = []
    for attempt in sorted(member.attempts, key=lambda one: -one.fence):
        voted = any(attempt.document.get(key) for key in TO_ASK)
        told = attempt.stage != DISCARDED or bool(attempt.document.get(LET_GO)) or not (voted or attempt.lead == member.name)
        if not told and set(attempt.members) - {member.name}:
            found.append(attempt)
        if voted or attempt.stage not in (LEASED, DISCARDED):
            break
    return tuple(found)


def permits(member: Member, deployment: str, fence: int, now: float, *, decided: bool = False) -> Reply:
    """Whether a driver may begin a step: the deployment is undecided, its number not fenced, its lease live.

    With `decided` (what is done behind a decision) only the number counts. The reply is one of `handle`: `ok`, or a `code`
    (unknown, settled, fenced, expired) and its facts.
    """
    if fence < member.fence:
        return {"ok": False, "code": "fenced", "fence": member.fence, "term": member.term}
    if decided:
        return {"ok": True}
    attempt = member.attempt(deployment)
    if attempt is None:
        return {"ok": False, "code": "unknown"}
    if attempt.stage in DECISIONS or attempt.stage in (DISCARDED, RESTORING):
        return {"ok": False, "code": "settled", "stage": attempt.stage}
    if not _driven(member, attempt, now):
        return {"ok": False, "code": "expired", "stage": attempt.stage}
    return {"ok": True}


def why_not(reply: Reply, deployment: str) -> str:
    """A refusal of `permits` in words."""
    return {
        "unknown": f"this host has never heard of deployment {deployment}",
        "settled": f"deployment {deployment} is decided: {reply.get('stage')}",
        "fenced": f"a later deployment (number {reply.get('fence')}) has this host",
        "expired": f"the lease of deployment {deployment} has run out",
    }[reply["code"]]


# ------------------------------------------------------------------ the driver


def _lease(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    number = (message.get("term", 0), message["fence"])
    held = member.lease
    if held is not None and live(held, now) and held.deployment != message["deployment"]:
        times = {"seconds_held": now - held.since, "seconds_left": held.until - now}
        return _refuse(member, "held", owner=held.owner, deployment=held.deployment, **times)
    own = held is not None and held.deployment == message["deployment"]
    if number < (member.term, member.fence) or (message["fence"] == member.fence > 0 and not own):
        return _refuse(member, "fenced", fence=member.fence, term=member.term)
    known = member.attempt(message["deployment"])
    if known is not None and known.stage != LEASED:
        return _refuse(member, "settled" if known.stage in DECISIONS else "order", stage=known.stage)
    member = _expire(member, now)
    lease = Lease(message["deployment"], message["owner"], message["fence"], now, now + message["seconds"])
    attempt = Attempt(
        deployment=message["deployment"],
        fence=message["fence"],
        stage=LEASED,
        lead=message["lead"],
        members=tuple(message["members"]),
        confirm_seconds=message["confirm_seconds"],
        document=message.get("document", {}),
        term=number[0],
    )
    left = {**member.left, **dict.fromkeys(message.get("lost", ()), message["fence"])}
    member = replace(member, term=number[0], fence=message["fence"], lease=lease, left=left)
    return _put(member, attempt), {"ok": True, "fence": member.fence}


def _renew(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    attempt, refusal = _mine(member, message)
    if attempt is None:
        return member, refusal
    if attempt.stage == DISCARDED:
        return _refuse(member, "settled", stage=attempt.stage)
    held = member.lease
    since = held.since if held is not None else now
    owner = held.owner if held is not None else str(message.get("owner", ""))
    member = replace(member, lease=Lease(attempt.deployment, owner, attempt.fence, since, now + message["seconds"]))
    if attempt.stage in INTENT and attempt.stage != BACK:
        member = _put(member, replace(attempt, deadline=now + attempt.confirm_seconds))
    return member, {"ok": True, "stage": attempt.stage}


def _step(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """vote, start, ready, switched: the driver's progress, refused once the host knows the decision."""
    attempt, refusal = _mine(member, message)
    if attempt is None:
        return member, refusal
    if not _driven(member, attempt, now) and message["do"] != "switched":
        return _refuse(member, "expired", stage=attempt.stage)
    stage = move(attempt.stage, message["do"])
    document = {**attempt.document, **{key: message[key] for key in TO_ASK if key in message}}
    member = _put(member, replace(attempt, stage=stage, document=document))
    if stage == SWITCHED:
        member = replace(member, current=attempt.target)
    return member, {"ok": True, "stage": stage}


def _arm(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    attempt, refusal = _mine(member, message)
    if attempt is None:
        return member, refusal
    if not _driven(member, attempt, now):
        return _refuse(member, "expired", stage=attempt.stage)
    others = {a.deployment for a in member.open()} | ({member.held.deployment} if member.held is not None else set())
    others -= {attempt.deployment}
    if others:
        return _refuse(member, "unsettled", deployments=sorted(others))
    armed = replace(attempt, stage=move(attempt.stage, "arm"), base=member.current, deadline=now + attempt.confirm_seconds)
    return _put(member, armed), {"ok": True, "stage": armed.stage, "base": armed.base}


def _hold(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """Nobody writes here from now on: workers and jobs rest, and with `waits` requests wait, each `seconds`. Between vote and start."""
    attempt, refusal = _mine(member, message)
    if attempt is None:
        return member, refusal
    if not _driven(member, attempt, now):
        return _refuse(member, "expired", stage=attempt.stage)
    if attempt.stage != PREPARED:
        return _refuse(member, "order", stage=attempt.stage)
    held = member.held or Held(attempt.deployment, int(message["seconds"]))
    if held.deployment != attempt.deployment:
        return _refuse(member, "unsettled", deployments=[held.deployment])
    waits = held.waits or bool(message.get("waits"))
    return replace(member, held=replace(held, seconds=int(message["seconds"]), waits=waits)), {"ok": True, "stage": attempt.stage}


def _touch(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """Data is about to change for which `point` was taken: from now on this host, the lead, goes back only behind that point."""
    attempt, refusal = _mine(member, message)
    if attempt is None:
        return member, refusal
    if attempt.lead != member.name:
        return _refuse(member, "lead", lead=attempt.lead)
    if not _driven(member, attempt, now):
        return _refuse(member, "expired", stage=attempt.stage)
    held = member.held
    point = str(message["point"])
    if attempt.stage != PREPARED or held is None or held.deployment != attempt.deployment or not held.waits:
        return _refuse(member, "order", stage=attempt.stage, message="requests do not wait on this host for this deployment")
    known = held.point.split()
    if point in known:
        return member, {"ok": True}
    bound = held.bound_seconds + float(message["bound_seconds"])
    return replace(member, held=replace(held, point=" ".join([*known, point]), bound_seconds=bound)), {"ok": True}


def _finish(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """The driver lets go of the lease; only of its own, and only when nothing is undecided."""
    attempt = member.attempt(message["deployment"])
    if attempt is not None and attempt.stage in INTENT:
        return _refuse(member, "unsettled", deployments=[attempt.deployment])
    if attempt is not None and attempt.stage in TENTATIVE and is_held(member, attempt.deployment):
        # It may let somebody in only when it knows the decision: the lead makes it, another host goes on asking.
        decides = attempt.lead == member.name
        member = _go_back(member, attempt, now)[0] if decides else _put(member, replace(attempt, stage=move(attempt.stage, "expire")))
    elif attempt is not None and attempt.stage in TENTATIVE:
        document = {**attempt.document, LET_GO: True}
        member = _put(member, replace(attempt, stage=move(attempt.stage, "expire"), document=document))
    if member.lease is not None and member.lease.deployment == message["deployment"]:
        member = replace(member, lease=None)
    return member, {"ok": True}


# -------------------------------------------------------------------- the lead


def _commit(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """The decision, written on the lead first. First writer wins: a decision that is there is answered, never changed."""
    attempt = member.attempt(message["deployment"])
    if attempt is None:
        return _refuse(member, "unknown")
    if attempt.lead != member.name:
        return _refuse(member, "lead", lead=attempt.lead)
    if attempt.stage in DECISIONS:
        return member, {"ok": True, "decision": attempt.stage}
    if _number(message, member) < (member.term, member.fence):
        return _refuse(member, "fenced", fence=member.fence, term=member.term)
    if attempt.stage != SWITCHED:
        return _refuse(member, "order", stage=attempt.stage)
    return _learn(member, attempt, COMMITTED), {"ok": True, "decision": COMMITTED}


def _undo(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """The driver's own *reverted*, or that of a later driver that holds the lease (`fence` is the caller's number)."""
    attempt = member.attempt(message["deployment"])
    if attempt is not None and attempt.stage in DECISIONS:
        noted = {"note": attempt.document[PUT_BACK]} if PUT_BACK in attempt.document else {}
        return member, {"ok": True, "decision": attempt.stage, **noted}
    number = _number(message, member)
    if number < (member.term, member.fence):
        return _refuse(member, "fenced", fence=member.fence, term=member.term)
    if attempt is None:
        return _record_unknown(member, message), {"ok": True, "decision": REVERTED}
    if attempt.lead != member.name and number[0] <= attempt.term:
        return _refuse(member, "lead", lead=attempt.lead)
    # A driver of a higher term writes it where it finds no record: its lead is lost, and this host is the lead from here on.
    taken = replace(attempt, lead=member.name, term=max(attempt.term, number[0]))
    because = {key: message[key] for key in ("fence", "reason") if key in message}
    return _gone_back(*_go_back(member, taken, now, because))


def _ask(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """Another host asks. What is decided is said by everybody, with the term of the record; what is not, only its lead may decide:

    with a live lease of that deployment it says *wait*, as while data is put back; otherwise it writes *reverted*, then answers.
    """
    attempt = member.attempt(message["deployment"])
    if attempt is None:
        return _refuse(member, "unknown")
    if attempt.stage in DECISIONS:
        return member, {"ok": True, "decision": attempt.stage, "term": attempt.term}
    if attempt.lead != member.name:
        return _refuse(member, "lead", lead=attempt.lead)
    if _driven(member, attempt, now):
        return member, {"ok": True, "decision": None, "term": attempt.term}
    after, decision = _go_back(member, attempt, now)
    return after, {"ok": True, "decision": decision, "term": attempt.term}


def _restored(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """The restore point is in its place again: now the lead goes back."""
    attempt = member.attempt(message["deployment"])
    if attempt is None or attempt.stage != RESTORING or member.held is None or member.held.point != message["point"]:
        return _refuse(member, "order", stage=None if attempt is None else attempt.stage)
    attempt = replace(attempt, document={**attempt.document, PUT_BACK: str(message.get("note", ""))})
    return _learn(member, attempt, REVERTED), {"ok": True, "decision": REVERTED}


def _unrestored(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """The restore point could not be put back: it is tried again, and until then nobody is let in."""
    attempt = member.attempt(message["deployment"])
    if attempt is None or attempt.stage != RESTORING or member.held is None:
        return _refuse(member, "order", stage=None if attempt is None else attempt.stage)
    return replace(member, held=replace(member.held, tries=member.held.tries + 1, why=str(message["why"]))), {"ok": True}


# ------------------------------------------------------------------ every host


def _tell(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """A decision arrives from a driver (with its number) or as another host's answer (`answer: True`), under the term of its record.

    A host that knows of a higher term takes no answer of a lower one. A decision that is recorded here is replaced by a higher term's.
    """
    attempt = member.attempt(message["deployment"])
    decision = message["decision"]
    term = int(message.get("term", member.term))
    if attempt is not None and attempt.stage in DECISIONS and term <= attempt.term:
        if attempt.stage != decision:
            return _refuse(member, "settled", decision=attempt.stage)
        return member, {"ok": True, "decision": decision}
    late = term < member.term if message.get("answer") else _number(message, member) < (member.term, member.fence)
    if late:
        return _refuse(member, "fenced", fence=member.fence, term=member.term)
    if attempt is not None and term <= attempt.term and decision == REVERTED and is_touched(member, attempt.deployment):
        return _refuse(member, "restoring", point=member.held.point if member.held is not None else "")
    member = replace(member, term=max(member.term, term))
    if attempt is None:
        return _record_unknown(member, message), {"ok": True, "decision": decision}
    attempt = replace(attempt, term=term, lead=str(message.get("lead", attempt.lead)))
    return _learn(member, attempt, decision), {"ok": True, "decision": decision}


def _alone(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """Past the deadline, and the lead does not answer: this host goes back alone, and goes on asking. One that holds goes on holding."""
    attempt = member.attempt(message["deployment"])
    if attempt is None or attempt.lead == member.name or attempt not in due(member, now) or is_held(member, attempt.deployment):
        return _refuse(member, "order")
    if attempt.stage == BACK:
        return member, {"ok": True, "stage": BACK}
    member = replace(_put(member, replace(attempt, stage=move(attempt.stage, "alone"))), current=attempt.base)
    return member, {"ok": True, "stage": BACK}


def _tick(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """Time has passed: a lease runs out, the lead decides what is due. `asks` names what another host must ask its lead."""
    member = _expire(member, now)
    if member.warm is not None and now >= member.warm.until:
        member = replace(member, warm=None)
    asks: List[str] = []
    for attempt in due(member, now):
        if attempt.lead == member.name:
            member = _go_back(member, attempt, now)[0]
        else:
            asks.append(attempt.deployment)
    return member, {"ok": True, "asks": asks}


def _boot(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """The host has rebooted: an unconfirmed generation comes back as the old one; leases of an earlier boot are void."""
    member = replace(member, lease=None, warm=None)
    for attempt in member.attempts:
        if attempt.stage in (*TENTATIVE, *INTENT) and is_touched(member, attempt.deployment):
            member = _go_back(member, attempt, now)[0]
        elif attempt.stage in TENTATIVE:
            member = _put(member, replace(attempt, stage=move(attempt.stage, "reboot")))
        elif attempt.stage in INTENT:
            stage = BACK if attempt.stage == BACK else move(attempt.stage, "reboot")
            member = replace(_put(member, replace(attempt, stage=stage, deadline=now)), current=attempt.base)
    return member, {"ok": True}


def _remove(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """The application was taken off this host: nothing serves. The highest number seen stays, so that no old driver counts again."""
    if member.lease is None or member.lease.deployment != message["deployment"] or not live(member.lease, now):
        return _refuse(member, "expired")
    return replace(member, lease=None, current=None, attempts=(), warm=None, held=None), {"ok": True}


def _leave(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
    """Another host was taken out of the environment. It counts again as soon as a later deployment takes it in."""
    if member.lease is None or member.lease.deployment != message["deployment"] or not live(member.lease, now):
        return _refuse(member, "expired")
    if message["host"] == member.name:
        return _refuse(member, "order", message="a host does not record that it left")
    return replace(member, left={**member.left, str(message["host"]): member.lease.fence}), {"ok": True}


RULES: Dict[str, Callable[[Member, Mapping[str, Any], float], Outcome]] = {
    "lease": _lease,
    "renew": _renew,
    "vote": _step,
    "start": _step,
    "ready": _step,
    "hold": _hold,
    "touch": _touch,
    "arm": _arm,
    "switched": _step,
    "finish": _finish,
    "commit": _commit,
    "undo": _undo,
    "ask": _ask,
    "restored": _restored,
    "unrestored": _unrestored,
    "tell": _tell,
    "alone": _alone,
    "tick": _tick,
    "boot": _boot,
    "remove": _remove,
    "leave": _leave,
}
"""Every message a host understands."""


# -------------------------------------------------------------- what follows


def _learn(member: Member, attempt: Attempt, decision: str) -> Member:
    """Record a decision and what it makes current, and hold nobody for it any more. Only an attempt with an intent changes what serves."""
    if is_held(member, attempt.deployment):
        member = replace(member, held=None)
    if attempt.stage in DECISIONS:
        return _relearn(member, attempt, decision)
    settled = replace(attempt, stage=move(attempt.stage, "commit" if decision == COMMITTED else "revert"))
    member = _put(member, settled)
    if attempt.stage in INTENT:
        member = replace(member, current=attempt.target if decision == COMMITTED else attempt.base)
    return member


def _go_back(member: Member, attempt: Attempt, now: float, because: Optional[Mapping[str, Any]] = None) -> Tuple[Member, Optional[str]]:
    """Write *reverted*; where data may have changed, the way back begins and is not left any more: first the restore point is put back."""
    if not is_touched(member, attempt.deployment):
        return _learn(member, attempt, REVERTED), REVERTED
    if attempt.stage != RESTORING:
        base = attempt.base if attempt.stage in INTENT else member.current
        document = {**attempt.document, BECAUSE: because or {}}
        attempt = replace(attempt, stage=move(attempt.stage, "restore"), base=base, deadline=now, document=document)
        member = replace(member, current=base)
    return _put(member, attempt), None


def _gone_back(member: Member, decision: Optional[str]) -> Outcome:
    """The answer to who wants it: *reverted*, or that the data is put back, how long that may take, and why it could not be so far."""
    held = member.held
    if decision is not None or held is None:
        return member, {"ok": True, "decision": decision}
    restoring = {"point": held.point, "bound_seconds": held.bound_seconds, "tries": held.tries, "why": held.why}
    return member, {"ok": True, "decision": None, "restoring": restoring}


def _keep_warm(before: Member, after: Member, deployment: str, now: float) -> Member:
    """With a commit, what it leaves behind stays warm for as long as the deployment says; what was warm until then does not."""
    was, attempt = before.attempt(deployment), after.attempt(deployment)
    if was is None or attempt is None or was.stage not in INTENT or attempt.stage != COMMITTED or attempt.document.get(LEAVES_WARM):
        return after
    seconds = float(attempt.document.get("keep_warm_seconds") or 0.0)
    return replace(after, warm=Warm(attempt.base, now + seconds) if attempt.base is not None and seconds > 0 else None)


def _relearn(member: Member, attempt: Attempt, decision: str) -> Member:
    """A record of a higher term. What serves changes with it, unless a later deployment is current or there never was an intent here."""
    if attempt.stage == decision:
        return _put(member, attempt)
    was, becomes = (attempt.target, attempt.base) if decision == REVERTED else (attempt.base, attempt.target)
    member_now = _put(member, replace(attempt, stage=move(attempt.stage, "overrule")))
    return replace(member_now, current=becomes) if member.current == was and attempt.deadline else member_now


def _record_unknown(member: Member, message: Mapping[str, Any]) -> Member:
    """A decision about a deployment this host never saw is remembered, so that its late steps are refused."""
    stage = message.get("decision", REVERTED)
    lead = str(message.get("lead", member.name))
    term = int(message.get("term", member.term))
    return _put(member, Attempt(message["deployment"], int(message.get("target", 0)), stage, lead, (), 0.0, term=term))


def _expire(member: Member, now: float) -> Member:
    """Drop a lease that has run out, and what was prepared under it."""
    if member.lease is None or live(member.lease, now):
        return member
    member = replace(member, lease=None)
    for attempt in member.attempts:
        if attempt.stage in TENTATIVE and is_touched(member, attempt.deployment):
            member = _go_back(member, attempt, now)[0]
        elif attempt.stage in TENTATIVE:
            member = _put(member, replace(attempt, stage=move(attempt.stage, "expire")))
    return member


def _driven(member: Member, attempt: Attempt, now: float) -> bool:
    return member.lease is not None and live(member.lease, now) and member.lease.deployment == attempt.deployment


def _mine(member: Member, message: Mapping[str, Any]) -> Tuple[Optional[Attempt], Reply]:
    """The attempt a driver speaks of, or the refusal: unknown, settled, or an older number than the host has seen."""
    attempt = member.attempt(message["deployment"])
    if attempt is None:
        return None, {"ok": False, "code": "unknown"}
    if attempt.stage in DECISIONS:
        return None, {"ok": False, "code": "settled", "decision": attempt.stage}
    if _number(message, member) < (member.term, member.fence):
        return None, {"ok": False, "code": "fenced", "fence": member.fence, "term": member.term}
    return attempt, {}


def _number(message: Mapping[str, Any], member: Member) -> Tuple[int, int]:
    return int(message.get("term", member.term)), int(message["fence"])


def _put(member: Member, attempt: Attempt) -> Member:
    others = [a for a in member.attempts if a.deployment != attempt.deployment]
    attempts = sorted([*others, attempt], key=lambda a: a.fence)
    # What made current what serves is kept for ever: it says who the members are.
    settled = [a for a in attempts if a.stage in DECISIONS or a.stage == DISCARDED]
    settled = [a for a in settled if a.stage != COMMITTED or a.fence != member.current]
    forgotten = {a.deployment for a in settled[: max(0, len(settled) - KEPT_ATTEMPTS)]}
    newest = max((a.fence for a in attempts if a.stage in DECISIONS), default=0)
    return replace(member, attempts=tuple(_unasked(a, newest) for a in attempts if a.deployment not in forgotten))


def _unasked(attempt: Attempt, newest: int) -> Attempt:
    """Nobody is asked about a decision once there is a newer one: where to ask goes then, for with many hosts it is most of the record."""
    if attempt.stage not in DECISIONS or attempt.fence == newest or not any(key in attempt.document for key in TO_ASK):
        return attempt
    return replace(attempt, document={key: value for key, value in attempt.document.items() if key not in TO_ASK})


def _refuse(member: Member, code: str, **facts: Any) -> Outcome:
    return member, {"ok": False, "code": code, **facts}
