"""Facts, a person's word for an earlier state and the restore points in; out, which generation and which points that means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts, Json
from shipway.plan.gates import UNTOUCHED
from shipway.plan.target import Target, find_target, fits, good_generations
from shipway_agent.previous import alike
from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class Aim:
    """The generation that is to be current again. `at` is the time that was meant, in seconds since the epoch, None where a release was.

    `replaced` is the generation that took its place, None where it serves; `until` when that was made, by the lead's clock.
    """

    target: Target
    at: float | None = None
    replaced: int | None = None
    until: float | None = None


def aim(environment: str, facts: Mapping[str, HostFacts], words: str, at: float | None) -> Aim:
    """What `words` mean: what `rollback` takes, or where no release is called so the time `at`, in seconds since the epoch.

    Raises Refused for what is no good generation, is ambiguous, or is not known any more.
    """
    good = good_generations(facts)
    if at is None or any(fits(document, words) for document in good.values()):
        return _aimed(facts, find_target(environment, facts, words), None)
    number = max((number for number, document in good.items() if float(document["made"]) <= at), default=None)
    if number is None or _forgotten(facts, good, number):
        raise Refused(
            f"which generation of {environment} was current at {words} is not known here any more",
            state=UNTOUCHED,
            hint=f"shipway history {environment} lists them; shipway revert {environment} NUMBER",
            code="target-unknown",
        )
    return _aimed(facts, Target(number, good[number]), at)


def points_of(aimed: Aim, points: Mapping[str, Sequence[Json]]) -> dict[str, Json]:
    """For each data the restore point that has it as it was, as its host told it: {"point", "at", "for", …}. Data without one are left out.

    That is the point right before what took the generation's place; where none was taken then, the newest of the time in which the
    generation served. Where a time was meant, none that is younger.
    """
    found = {}
    for name, some in points.items():
        fitting = [one for one in some if not one.get("damaged") and (aimed.at is None or float(one["at"]) <= aimed.at)]
        right_before = [one for one in fitting if aimed.replaced is not None and one.get("for") == aimed.replaced]
        chosen = right_before or [one for one in fitting if _meanwhile(aimed, one)]
        if chosen:
            found[name] = max(chosen, key=lambda one: (float(one["at"]), str(one["point"])))
    return found


def _meanwhile(aimed: Aim, point: Json) -> bool:
    before = point.get("for")
    if before is not None and int(before) <= aimed.target.number:
        return False  # taken before the generation itself, and so of what was there before it
    return float(aimed.target.document["made"]) <= float(point["at"]) and (aimed.until is None or float(point["at"]) <= aimed.until)


def _aimed(facts: Mapping[str, HostFacts], target: Target, at: float | None) -> Aim:
    good = good_generations(facts)
    same = alike(good, (target.number,))
    replaced = min((number for number in good if number > target.number and number not in same), default=None)
    return Aim(target, at, replaced, None if replaced is None else float(good[replaced]["made"]))


def _forgotten(facts: Mapping[str, HostFacts], good: Mapping[int, Json], number: int) -> bool:
    """Whether something served right behind it of which nobody knows any more when it was made."""
    later = min((other for other in good if other > number), default=None)
    return any(other > number and (later is None or other < later) for fact in facts.values() for other in fact.good if other not in good)
