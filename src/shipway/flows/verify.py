"""`shipway verify`: whether every member serves a release, proved now by its processes and its front door."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from shipway.execute.telling import Tell
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project, release_meant
from shipway.flows.reach import reach, typed
from shipway.flows.reading import read
from shipway.flows.words import VerifyWords
from shipway.model.errors import HostError
from shipway.model.event import Event
from shipway.model.facts import HostFacts, serves
from shipway.model.intent import Intent
from shipway.model.verdict import Verdict
from shipway.plan.activation import proof_pages
from shipway.plan.checks.host import repair
from shipway.plan.front import front_door
from shipway.plan.target import fits
from shipway.reports.few import named

PROVE_SECONDS = 60.0


class Wrong(NamedTuple):
    """Why a host does not prove the release, and what mends it; `next` is "" where its facts do not tell."""

    why: str
    next: str = ""


async def verify(words: VerifyWords, on_event: Callable[[Event], None]) -> Verdict:
    """Exit 0 only if every member proves the release; 1 with the reason of each that does not."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name = intent.environment.name
    async with reach(intent, Tell(on_event, time.time)) as fleet:
        facts = typed(await read(fleet, verify=True))
        meant = release_meant(project, words.release)
        wrong = {host: found for host, fact in facts.items() if (found := _otherwise(name, host, fact, meant))}

        async def prove(host: str) -> dict[str, Any]:
            return await fleet.call(host, "prove", _proof(intent, host, facts), timeout_seconds=PROVE_SECONDS)

        proved = await fleet.each(prove, [host for host in facts if host not in wrong])
    wrong |= {host: Wrong(_reason(error)) for host, error in proved.errors.items()}
    why = {host: found.why for host, found in sorted(wrong.items())}
    probes = {host: answer.get("probes", []) for host, answer in proved.answers.items()}
    data = {"wrong": why, "probes": probes, "lines": [f"{host}: {why.get(host, 'proved')}" for host in sorted(facts)]}
    if wrong:
        hint = next((wrong[host].next for host in why if wrong[host].next), f"shipway status {name} shows each host")
        return Verdict("answer", 1, f"{words.release} is not proved on {named(list(why))}", hint, "", data)
    return Verdict("answer", 0, f"{words.release} serves on {', '.join(sorted(facts))}, proved now", "", "", data)


def _otherwise(environment: str, host: str, fact: HostFacts, words: str) -> Wrong | None:
    if fact.live is None:
        return Wrong("nothing is current")
    if not fits(fact.live, words) and words != str(fact.member.current):
        return Wrong(f"serves {fact.live.get('version') or str(fact.live['release'])[:12]}")
    if fact.is_stopped:
        return Wrong("it is stopped", f"shipway start {environment} starts it")
    if fact.member.unsettled:
        return Wrong(f"serves it, but deployment {fact.member.unsettled[-1].deployment} is not decided")
    if not fact.ailments:
        return None
    commit = str(fact.live.get("commit", ""))[:12]
    return Wrong("; ".join(fact.wrongs), repair(fact.ailments[0], fact, environment, host, commit))


def _proof(intent: Intent, host: str, facts: Mapping[str, HostFacts]) -> dict[str, Any]:
    fact = facts[host]
    document = fact.live or {}
    machine = next(h for h in intent.environment.hosts if h.name == host)
    door = front_door(intent, machine, fact) if serves(document) else None
    return {"watch_seconds": 0.0, "pages": proof_pages(document) if door is not None else [], "front": door}


def _reason(error: HostError) -> str:
    return "; ".join([error.message, *error.lines[-3:]])
