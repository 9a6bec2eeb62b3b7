"""A journal and a deployment in, how far it is on this host out: stage, step, when its driver was heard, when the host acts by itself."""

from __future__ import annotations

from shipway_agent.decide import Attempt, Lease, Member, live
from shipway_agent.journal import Journal
from shipway_agent.states import BACK, INTENT
from shipway_agent.typed import Any, Dict, List, Mapping, Optional

STEPS = 1000
"""More step events than any deployment has on one host."""


def progress(journal: Journal, deployment: str, now: float, wall_now: float) -> Dict[str, Any]:
    """How far a deployment is here. `now` is the boot clock, `wall_now` seconds since the epoch.

    {"deployment", "stage" (null where this host never saw it), "owner", "held_seconds" and "left_seconds" of its lease (null without one),
    "heard_seconds" since its driver was heard last, "decides_seconds" until this host acts by itself (null where nothing is open),
    "step": {"key", "title", "phase", "wave", "state", "seconds"} | null, the newest}
    """
    member = journal.member()
    attempt = member.attempt(deployment)
    lease = member.lease if member.lease is not None and member.lease.deployment == deployment else None
    lease = lease if live(lease, now) else None
    return {
        "deployment": deployment,
        "stage": attempt.stage if attempt is not None else None,
        "owner": lease.owner if lease is not None else _owner(journal, deployment),
        "held_seconds": round(now - lease.since, 3) if lease is not None else None,
        "left_seconds": round(lease.until - now, 3) if lease is not None else None,
        "heard_seconds": _heard(journal, attempt, lease, now),
        "decides_seconds": _decides(attempt, lease, now),
        "step": _step(journal, deployment, wall_now),
    }


def under_way(member: Member, now: float) -> Optional[str]:
    """The deployment that goes on here: whose lease lives, else the newest that is open; None where nothing is."""
    if member.lease is not None and live(member.lease, now):
        return member.lease.deployment
    return member.open()[-1].deployment if member.open() else None


def _lease_event(journal: Journal, deployment: str) -> Optional[Mapping[str, Any]]:
    """The first event of a deployment here: its lease, as it was granted."""
    for event in journal.events(0, deployment, 20, "member"):
        if event["data"]["message"].get("do") == "lease" and event["data"]["reply"].get("ok"):
            return event
    return None


def _owner(journal: Journal, deployment: str) -> str:
    event = _lease_event(journal, deployment)
    return str(event["data"]["message"].get("owner", "")) if event is not None else ""


def _heard(journal: Journal, attempt: Optional[Attempt], lease: Optional[Lease], now: float) -> Optional[float]:
    """A deadline is moved, and a lease prolonged, by every renewal: so both tell when the last one came."""
    if attempt is None:
        return None
    if attempt.stage in INTENT and attempt.stage != BACK:
        return round(max(0.0, now - (attempt.deadline - attempt.confirm_seconds)), 3)
    event = _lease_event(journal, attempt.deployment) if lease is not None else None
    if event is None or lease is None:
        return None
    return round(max(0.0, float(event["data"]["message"].get("seconds", 0.0)) - (lease.until - now)), 3)


def _decides(attempt: Optional[Attempt], lease: Optional[Lease], now: float) -> Optional[float]:
    left = lease.until - now if lease is not None else 0.0
    if attempt is not None and attempt.stage in INTENT:
        return round(max(0.0, left, attempt.deadline - now), 3)
    return round(left, 3) if lease is not None else None


def _step(journal: Journal, deployment: str, wall_now: float) -> Optional[Dict[str, Any]]:
    first = journal.events(0, deployment, 1)
    if not first:
        return None
    mine: List[Mapping[str, Any]] = [
        event
        for event in journal.events(first[0]["seq"] - 1, None, STEPS, "step")
        if event["deployment"] == deployment or event["data"].get("of") == deployment
    ]
    if not mine:
        return None
    newest = mine[-1]
    key = newest["data"]["key"]
    intent = next((e for e in reversed(mine) if e["data"]["key"] == key and e["data"]["state"] == "intent"), newest)
    said = intent["data"]
    return {
        "key": key,
        "title": said.get("title") or key,
        "phase": said.get("phase", ""),
        "wave": said.get("wave", ""),
        "state": newest["data"]["state"],
        "seconds": round(max(0.0, wall_now - newest["at"]), 3),
    }
