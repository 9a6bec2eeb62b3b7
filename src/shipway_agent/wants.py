"""A host's record and its generation documents in; out, what must be on that host: where `current` points and which copies run. Pure."""

from __future__ import annotations

from shipway_agent.decide import Attempt, Member
from shipway_agent.record import dataclass
from shipway_agent.states import ARMED, BACK, INTENT, READY, RESTORING, STARTING, SWITCHED, TENTATIVE
from shipway_agent.typed import Any, FrozenSet, Iterable, Mapping, NamedTuple, Optional, Tuple, Union

Document = Mapping[str, Any]


class Keep:
    """The link stays as it is found: whether an armed switch has happened is not known yet."""

    def __repr__(self) -> str:
        return "KEEP"


KEEP = Keep()

SOURCE = "source"
"""Key of a document: the generation that this one was made as a copy of."""

TAKES = "takes"
"""Key of a document: names of the processes whose running copies this generation takes over from its source, instead of starting them."""


class Instance(NamedTuple):
    """One running copy of a process; `instance` counts from 1."""

    generation: int
    process: str
    instance: int


@dataclass(frozen=True)
class Wants:
    """`link` is the generation that `current` points at, None for no link, KEEP for hands off; `run` are the copies that run.

    `stay` are copies that go on as long as they live and are never started: what a rollback finds warm.
    """

    link: Union[int, Keep, None]
    run: FrozenSet[Instance]
    stay: FrozenSet[Instance] = frozenset()


def wants(member: Member, documents: Mapping[int, Document]) -> Wants:
    """What follows from the record. A generation without a document has nothing to run."""
    link = KEEP if any(a.stage == ARMED for a in member.attempts) else member.current
    run = {
        Instance(number, process["name"], instance)
        for number, document in documents.items()
        for process in document["processes"]
        if _runs(member, number, process, documents)
        for instance in range(1, process["instances"] + 1)
        if not _is_elsewhere(member, Instance(number, process["name"], instance), documents)
    }
    return Wants(link, frozenset(run), _warm(member, documents) - run)


def generations_of(member: Member) -> FrozenSet[int]:
    """The generations that `wants` may name: their documents are all it needs to be given."""
    numbers = {member.current, member.warm.generation if member.warm is not None else None}
    for attempt in member.attempts:
        if attempt.stage in (STARTING, READY, ARMED, SWITCHED):
            numbers.add(attempt.target)
        if attempt.stage in (ARMED, SWITCHED, BACK, RESTORING):
            numbers.add(attempt.base)
    return frozenset(number for number in numbers if number is not None)


def candidates_of(member: Member) -> FrozenSet[int]:
    """The generations of deployments that are not decided: what crashes of them stays down."""
    return frozenset(a.target for a in member.attempts if a.stage in TENTATIVE or a.stage in INTENT)


def giver_of(taker: Instance, documents: Mapping[int, Document]) -> Optional[Instance]:
    """The running copy that this one takes over, as its generation's document says; None for one that is started."""
    document = documents.get(taker.generation) or {}
    source = document.get(SOURCE)
    if source is None or not _takes(document, taker.process):
        return None
    giver = taker._replace(generation=source)
    return giver if _has(taker, documents) and _has(giver, documents) else None


def runs_as(copy: Instance, member: Member, documents: Mapping[int, Document]) -> Instance:
    """By which name a copy is known on this host: its own, or as long as the generation that it is taken over from serves, that one's."""
    giver = giver_of(copy, documents) if TAKES in documents.get(copy.generation, ()) else None
    return giver if giver is not None and giver.generation == member.current else copy


def hands_over(giver: Instance, taker: Instance, documents: Mapping[int, Document]) -> bool:
    """Whether a running copy may become another generation's: that one takes it over, or gives it back."""
    return giver_of(taker, documents) == giver or giver_of(giver, documents) == taker


def goes_first(wanted: Instance, present: Iterable[Instance], documents: Mapping[int, Document]) -> Tuple[Instance, ...]:
    """Copies of other generations that must be gone before `wanted` may start: all of a process that must not overlap itself.

    `present` are the copies that are not yet proved gone.
    """
    others = [p for p in present if p.process == wanted.process and p.generation != wanted.generation]
    numbers = {wanted.generation} | {p.generation for p in others}
    return tuple(sorted(others)) if not all(_overlaps(documents.get(number), wanted.process) for number in numbers) else ()


def _runs(member: Member, number: int, process: Mapping[str, Any], documents: Mapping[int, Document]) -> bool:
    if process["listens"] is None and member.held is not None:
        return False  # nobody writes before the decision
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


def _is_elsewhere(member: Member, copy: Instance, documents: Mapping[int, Document]) -> bool:
    """Whether it runs under the other generation's name: before the switch as the source's, from then on as the one's that took it over."""
    if runs_as(copy, member, documents) != copy:
        return True
    takers = [a.target for a in member.attempts if a.stage == SWITCHED and a.base == copy.generation]
    return any(TAKES in documents.get(taker, ()) and giver_of(copy._replace(generation=taker), documents) == copy for taker in takers)


def _has(copy: Instance, documents: Mapping[int, Document]) -> bool:
    rows = (documents.get(copy.generation) or {"processes": ()})["processes"]
    return any(row["name"] == copy.process and row["instances"] >= copy.instance for row in rows)


def _takes(document: Document, name: str) -> bool:
    if TAKES in document or document.get("kind") != "rollback":
        return name in document.get(TAKES, ())
    # A rollback by a program of an earlier version says only what it was copied from; it takes over every listener that is warm.
    return any(process["name"] == name and process["listens"] is not None for process in document["processes"])


def _warm(member: Member, documents: Mapping[int, Document]) -> FrozenSet[Instance]:
    """Listeners of the warm generation, until a candidate that was made as its copy takes them over."""
    if member.warm is None:
        return frozenset()
    number = member.warm.generation
    takers = [a.target for a in member.attempts if a.stage in (STARTING, READY, ARMED, SWITCHED)]
    if any((documents.get(taker) or {}).get(SOURCE) == number for taker in takers):
        return frozenset()
    return frozenset(
        Instance(number, process["name"], instance)
        for process in (documents.get(number) or {"processes": ()})["processes"]
        if process["listens"] is not None
        for instance in range(1, process["instances"] + 1)
    )


def _listeners_run(number: int, attempt: Attempt) -> bool:
    if attempt.target == number:
        return attempt.stage in (STARTING, READY, ARMED, SWITCHED)
    return attempt.base == number and attempt.stage in (ARMED, SWITCHED, BACK, RESTORING)


def _overlaps(document: Optional[Document], name: str) -> bool:
    if document is None:
        return True
    return all(bool(process["overlap"]) for process in document["processes"] if process["name"] == name and process["listens"] is None)
