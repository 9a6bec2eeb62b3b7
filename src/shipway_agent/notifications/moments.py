"""A record before and after a message in; out, the moments of which people should hear. Pure: it knows no target and no words."""

from __future__ import annotations

from shipway_agent.decide import Attempt, Member
from shipway_agent.states import BACK, COMMITTED, DISCARDED, REVERTED
from shipway_agent.typed import Any, FrozenSet, List, Mapping, NamedTuple, Optional

FAILURE, SUCCESS = "failure", "success"

LIVE = "live"  # the lead: committed
LEFT_OUT = "left out"  # the lead: committed, and hosts that were left out are behind
UNDONE = "undone"  # the lead: reverted, or dropped before anybody could see it
WENT_BACK = "went back"  # another host, for itself: by a reboot, or past its deadline without its lead
BEHIND = "behind"  # a host that cannot follow the commit it was told
UNRESTORED = "not put back"  # the lead cannot go back, for its restore point cannot be put back: nobody is let in
CRASHED = "crashed"  # a process of the committed release that was given up
JOB = "job failed"  # a periodic job that did not end well

OCCASIONS: Mapping[str, FrozenSet[str]] = {
    LIVE: frozenset({SUCCESS}),
    LEFT_OUT: frozenset({SUCCESS, FAILURE}),
    UNDONE: frozenset({FAILURE}),
    WENT_BACK: frozenset({FAILURE}),
    BEHIND: frozenset({FAILURE}),
    UNRESTORED: frozenset({FAILURE}),
    CRASHED: frozenset({FAILURE}),
    JOB: frozenset({FAILURE}),
}
"""Who is told of what. What is live and not everywhere is good news with a duty: both kinds of people hear of it."""

# Why it came to that, as far as the host's own record tells.
DRIVER = "driver"  # the driver said so, with its reasons
SILENT = "silent"  # the driver was not heard from any more
SETTLED = "settled"  # a later driver ended it
REBOOT = "reboot"
ALONE = "alone"  # the lead could not be heard

SHIPPING = frozenset({"deploy", "rollback", "revert", "repair", "prepare", "restart", "scale", "stop", "start", "maintenance", "release"})
"""Kinds of deployments that somebody waits for; one that only settles another speaks through that other."""


class Moment(NamedTuple):
    """`attempt` as it stands now; `silent_seconds` since the driver was last heard, None where that is not known."""

    kind: str
    attempt: Attempt
    why: str
    silent_seconds: Optional[float] = None


def moments(before: Member, after: Member, message: Mapping[str, Any], now: float) -> List[Moment]:
    """What became known by this message. The lead speaks for the fleet; another host speaks only for itself. `now`: boot clock."""
    found: List[Moment] = []
    for attempt in after.attempts:
        was = before.attempt(attempt.deployment)
        if was is None or was.stage == attempt.stage or str(attempt.document.get("kind")) not in SHIPPING:
            continue
        kind = _kind(attempt, after.name, str(message["do"]))
        if kind is not None:
            why = _why(was, attempt, message)
            found.append(Moment(kind, attempt, why, _silent_seconds(was, before, now) if why in (SILENT, ALONE) else None))
    if after.held is not None and after.held.why and not (before.held is not None and before.held.why):
        stuck = after.attempt(after.held.deployment)
        found += [Moment(UNRESTORED, stuck, UNRESTORED)] if stuck is not None else []
    return found


def _kind(attempt: Attempt, name: str, do: str) -> Optional[str]:
    if attempt.stage == BACK:
        return WENT_BACK if attempt.lead != name else None  # the lead decides as soon as it is up, and says that
    if attempt.lead != name:
        return None
    if attempt.stage == DISCARDED:
        return UNDONE if do != "finish" else None
    live = LEFT_OUT if attempt.document.get("without") else LIVE
    return {COMMITTED: live, REVERTED: UNDONE}.get(attempt.stage)


def _why(was: Attempt, attempt: Attempt, message: Mapping[str, Any]) -> str:
    do = message["do"]
    if do == "boot" or (was.stage == BACK and do in ("tick", "ask")):  # a lead goes back only by a reboot
        return REBOOT
    if do == "alone":
        return ALONE
    if do in ("tick", "ask", "lease") or (do == "restored" and "fence" not in message):
        return SILENT
    own = message.get("fence") == attempt.fence and message.get("deployment") == attempt.deployment
    return DRIVER if own else SETTLED


def _silent_seconds(was: Attempt, before: Member, now: float) -> Optional[float]:
    """An intent's deadline counts from the last renewal; before it, the lease ran out at least that long ago."""
    if was.deadline:
        return max(0.0, now - (was.deadline - was.confirm_seconds))
    lease = before.lease
    return max(0.0, now - lease.until) if lease is not None and lease.deployment == was.deployment else None
