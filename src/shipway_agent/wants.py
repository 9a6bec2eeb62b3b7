"""A host's record and its generation documents in; out, what must be on that host: where `current` points and which copies run. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, FrozenSet, Iterable, Mapping, NamedTuple, Optional, Tuple, Union

from shipway_agent.decide import Attempt, Member
from shipway_agent.states import ARMED, BACK, INTENT, READY, STARTING, SWITCHED, TENTATIVE

Document = Mapping[str, Any]


class Keep:
    """The link stays as it is found: whether an armed switch has happened is not known yet."""

    def __repr__(self) -> str:
        return "KEEP"


KEEP = Keep()


class Instance(NamedTuple):
    """One running copy of a process; `instance` counts from 1."""

    generation: int
    process: str
    instance: int


@dataclass(frozen=True)
class Wants:
    """`link` is the generation that `current` points at, None for no link, KEEP for hands off; `run` are the copies that run."""

    link: Union[int, Keep, None]
    run: FrozenSet[Instance]


def wants(member: Member, documents: Mapping[int, Document]) -> Wants:
    """What follows from the record. A generation without a document has nothing to run."""
    link = KEEP if any(a.stage == ARMED for a in member.attempts) else member.current
    run = {
        Instance(number, process["name"], instance)
        for number, document in documents.items()
        for process in document["processes"]
        if _runs(member, number, process, documents)
        for instance in range(1, process["instances"] + 1)
    }
    return Wants(link, frozenset(run))


def generations_of(member: Member) -> FrozenSet[int]:
    """The generations that `wants` may name: their documents are all it needs to be given."""
    numbers = {member.current}
    for attempt in member.attempts:
        if attempt.stage in (STARTING, READY, ARMED, SWITCHED):
            numbers.add(attempt.target)
        if attempt.stage in (ARMED, SWITCHED, BACK):
            numbers.add(attempt.base)
    return frozenset(number for number in numbers if number is not None)


def candidates_of(member: Member) -> FrozenSet[int]:
    """The generations of deployments that are not decided: what crashes of them stays down."""
    return frozenset(a.target for a in member.attempts if a.stage in TENTATIVE or a.stage in INTENT)


def goes_first(wanted: Instance, present: Iterable[Instance], documents: Mapping[int, Document]) -> Tuple[Instance, ...]:
    """Copies of other generations that must be gone before `wanted` may start: all of a process that must not overlap itself.

    `present` are the copies that are not yet proved gone.
    """
    others = [p for p in present if p.process == wanted.process and p.generation != wanted.generation]
    numbers = {wanted.generation} | {p.generation for p in others}
    return tuple(sorted(others)) if not all(_overlaps(documents.get(number), wanted.process) for number in numbers) else ()


def _runs(member: Member, number: int, process: Mapping[str, Any], documents: Mapping[int, Document]) -> bool:
    if number == member.current:
        return True
    if process["listens"] is not None:
        return any(_listeners_run(number, attempt) for attempt in member.attempts)
    # Old and new workers run side by side until the decision, unless one of the two must not.
    return any(
        a.base == number
        and a.stage in (ARMED, SWITCHED)
        and _overlaps(documents.get(number), process["name"])
        and _overlaps(documents.get(a.target), process["name"])
        for a in member.attempts
    )


def _listeners_run(number: int, attempt: Attempt) -> bool:
    if attempt.target == number:
        return attempt.stage in (STARTING, READY, ARMED, SWITCHED)
    return attempt.base == number and attempt.stage in (ARMED, SWITCHED, BACK)


def _overlaps(document: Optional[Document], name: str) -> bool:
    if document is None:
        return True
    return all(bool(process["overlap"]) for process in document["processes"] if process["name"] == name and process["listens"] is None)
