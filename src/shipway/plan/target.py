"""What a person calls an earlier generation in, the generation out: @previous, a number, a version, the start of a digest or commit."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts, Json
from shipway.model.intent import Intent
from shipway.plan.gates import UNTOUCHED
from shipway_agent.previous import previous
from shipway_agent.record import dataclass

PREVIOUS = "@previous"

SHORTEST_PREFIX = 4
"""Fewer digits of a digest or commit name nothing."""

CANDIDATES = 10
"""Most generations that a refusal lists."""


@dataclass(frozen=True, slots=True)
class Target:
    """An earlier generation and its document, as the first host that has it keeps it."""

    number: int
    document: Json


def find_target(environment: str, facts: Mapping[str, HostFacts], words: str) -> Target:
    """The good generation that `words` mean. Raises Refused, naming the candidates, when none or more than one release fits.

    Of several generations of one release the newest that every host has is meant, else the newest.
    """
    good = good_generations(facts)
    number = _previous(environment, facts) if words == PREVIOUS else _named(environment, facts, good, words)
    if number not in good:
        raise _refuse(environment, "target-unknown", f"generation {number} of {environment} was never proved, or is pruned", good)
    return Target(number, good[number])


def lacking(facts: Mapping[str, HostFacts], number: int) -> tuple[str, ...]:
    """Hosts that cannot serve the generation: it, or its release, is not on them."""
    return tuple(
        name
        for name, fact in sorted(facts.items())
        if number not in fact.generations or fact.generations[number].get("release") not in fact.releases
    )


def lenders(intent: Intent, facts: Mapping[str, HostFacts], number: int, borrower: str) -> tuple[str, ...]:
    """Members that can lend a generation to one that lacks it: they have it, and it means the same there, for their roles are the same.

    Nobody can where tasks of its prepare phase ran, or a toolchain belongs to it: those are no content that travels from host to host.
    """
    roles = {host.name: set(host.roles) for host in intent.environment.hosts}
    short = lacking(facts, number)
    return tuple(
        name
        for name, fact in sorted(facts.items())
        if name not in short
        and roles[name] == roles[borrower]
        and not prepare_tasks(fact.generations[number])
        and not fact.generations[number].get("toolchains")
    )


def prepare_tasks(document: Json) -> tuple[str, ...]:
    """Tasks of a generation's prepare phase; all of its tasks where its document does not tell them apart."""
    activate = {task["name"] for task in document.get("activate", ())}
    return tuple(name for name in document.get("tasks", ()) if name not in activate)


def good_generations(facts: Mapping[str, HostFacts]) -> dict[int, Json]:
    """Committed generations that some host has, newest first."""
    found: dict[int, Json] = {}
    for fact in facts.values():
        for number in fact.good:
            if number in fact.generations:
                found.setdefault(number, fact.generations[number])
    return dict(sorted(found.items(), reverse=True))


def fits(document: Json, words: str) -> bool:
    """Whether a person may call the generation so: by its version, or by the start of its release's digest or its commit."""
    if words == document.get("version"):
        return True
    prefixes = (str(document["release"]), str(document.get("commit", "")))
    return len(words) >= SHORTEST_PREFIX and any(text.startswith(words.lower()) for text in prefixes)


def _named(environment: str, facts: Mapping[str, HostFacts], good: Mapping[int, Json], words: str) -> int:
    if words.isdigit() and (int(words) in good or any(int(words) in fact.generations for fact in facts.values())):
        return int(words)
    fitting = [number for number, document in good.items() if fits(document, words)]
    releases = {good[number]["release"] for number in fitting}
    if not fitting:
        raise _refuse(environment, "target-unknown", f"no good generation of {environment} is called {words!r}", good)
    if len(releases) > 1:
        raise _refuse(environment, "target-ambiguous", f"{words!r} means {len(releases)} releases", {n: good[n] for n in fitting})
    everywhere = [number for number in fitting if not lacking(facts, number)]
    return max(everywhere or fitting)


def _previous(environment: str, facts: Mapping[str, HostFacts]) -> int:
    """What the fleet served before what it serves, with other content; a host that was behind or bare meanwhile changes nothing in that."""
    good = good_generations(facts)
    before = previous(good, good, max((n for fact in facts.values() if (n := fact.member.current) is not None), default=None))
    if before is None:
        raise _refuse(environment, "no-previous", f"nothing else was live in {environment} before what is now", {})
    return before


def _refuse(environment: str, code: str, message: str, candidates: Mapping[int, Json]) -> Refused:
    lines = [
        f"{number}: {document.get('version', '')}, release {str(document['release'])[:12]}, commit {str(document.get('commit', ''))[:12]}"
        for number, document in list(candidates.items())[:CANDIDATES]
    ]
    hint = f"shipway rollback {environment} NUMBER, with one of the numbers below" if lines else f"shipway history {environment}"
    return Refused(message, state=UNTOUCHED, hint=hint, code=code, details=lines)
