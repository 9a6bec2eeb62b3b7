"""Facts of a fleet in; out, which commits are held back from it because somebody went back from them, until they are released.

The key `held_back` of a generation's document: [{"commit", "version", "since", "who"}]. It goes on from one generation to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.model.facts import HostFacts, Json
from shipway.plan.standing import HELD_BACK, newest_live


def held_back(facts: Mapping[str, HostFacts]) -> list[Json]:
    """The commits that whoever serves holds back, oldest first."""
    return list(newest_live(facts).get(HELD_BACK) or ())


def held_back_after(facts: Mapping[str, HostFacts], target: Json, *, who: str) -> dict[str, Any]:
    """The key of a generation that a revert makes: what it leaves is held back, and what it goes to is not any more."""
    live = newest_live(facts)
    there = [row for row in held_back(facts) if row["commit"] != target.get("commit")]
    forward = len(there) < len(held_back(facts))
    left = str(live.get("commit", ""))
    if not forward and left and left != target.get("commit") and left not in {row["commit"] for row in there}:
        row = {"commit": left, "version": str(live.get("version", "")), "since": facts[min(facts)].hello.clock, "who": who}
        there = [*there, row]
    return {HELD_BACK: there}
