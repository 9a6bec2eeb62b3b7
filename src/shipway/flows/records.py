"""The facts of a fleet in; out, what its records say of each deployment: what is open, decided, or decided otherwise under a lower term."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shipway.execute.ask import Facts
from shipway_agent.states import COMMITTED, REVERTED

INTENT = ("armed", "switched", "back", "restoring")
DECISIONS = (COMMITTED, REVERTED)


def open_deployments(facts: Mapping[str, Facts], besides: str = "") -> dict[str, str]:
    """Deployments with no decision on some host that had an intent for it or holds requests for it, with their lead, oldest first."""
    found: dict[str, tuple[int, str]] = {}
    for fact in facts.values():
        holds = (fact["member"].get("held") or {}).get("deployment")
        for attempt in fact["member"]["attempts"]:
            if (attempt["stage"] in INTENT or attempt["deployment"] == holds) and attempt["deployment"] != besides:
                found[attempt["deployment"]] = (attempt["fence"], attempt["lead"])
    return {deployment: lead for deployment, (_, lead) in sorted(found.items(), key=lambda item: item[1])}


def overruled(facts: Mapping[str, Facts], besides: str = "") -> dict[str, str]:
    """Deployments that a host has on record otherwise than another one under a higher term, with the lead of that, oldest first."""
    best = {attempt["deployment"]: attempt for attempt in _decided(facts)}
    found = {
        attempt["deployment"]: best[attempt["deployment"]]
        for attempt in _decided(facts)
        if attempt["stage"] != best[attempt["deployment"]]["stage"] and _term(attempt) < _term(best[attempt["deployment"]])
    }
    return {name: str(one["lead"]) for name, one in sorted(found.items(), key=lambda item: int(item[1]["fence"])) if name != besides}


def unsettled(facts: Mapping[str, Facts], besides: str = "") -> dict[str, str]:
    """All that the next driver has to settle before it goes on, with the lead that decides it."""
    return {**overruled(facts, besides), **open_deployments(facts, besides)}


def recorded(facts: Mapping[str, Facts], deployment: str) -> str | None:
    """What some member has recorded as the decision of a deployment; that of the highest term where two differ. None where nobody has."""
    found = [attempt for attempt in _decided(facts) if attempt["deployment"] == deployment]
    return str(found[-1]["stage"]) if found else None


def fenced(facts: Mapping[str, Facts]) -> dict[str, tuple[str, ...]]:
    """Open deployments that an abort has fenced and did not decide, with the hosts that it wrote off: their members wait for a command."""
    found: dict[str, tuple[str, ...]] = {}
    for fact in facts.values():
        member = fact["member"]
        for attempt in member["attempts"]:
            if attempt["stage"] in INTENT and int(member["term"]) > _term(attempt):
                lost = {name for name, number in member.get("left", {}).items() if int(number) > int(attempt["fence"])}
                found[attempt["deployment"]] = tuple(sorted(lost.union(found.get(attempt["deployment"], ()))))
    return found


def _attempts(facts: Mapping[str, Facts]) -> Iterator[Mapping[str, Any]]:
    for fact in facts.values():
        yield from fact["member"]["attempts"]


def _decided(facts: Mapping[str, Facts]) -> list[Mapping[str, Any]]:
    """Of the lowest term first."""
    return sorted((attempt for attempt in _attempts(facts) if attempt["stage"] in DECISIONS), key=_term)


def _term(attempt: Mapping[str, Any]) -> int:
    return int(attempt.get("term", 0))
