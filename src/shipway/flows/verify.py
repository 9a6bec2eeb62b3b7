"""`shipway verify`: whether every member serves a release, proved now by its processes and its front door."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from shipway.execute.telling import Tell
from shipway.flows.begin import read
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project, release_meant
from shipway.flows.reach import reach, typed
from shipway.flows.words import VerifyWords
from shipway.model.errors import HostError
from shipway.model.event import Event
from shipway.model.facts import HostFacts, serves
from shipway.model.intent import Intent
from shipway.model.verdict import Verdict
from shipway.plan.activation import proof_pages
from shipway.plan.front import front_door
from shipway.plan.target import fits
from shipway.reports.few import named

PROVE_SECONDS = 60.0


async def verify(words: VerifyWords, on_event: Callable[[Event], None]) -> Verdict:
    """Exit 0 only if every member proves the release; 1 with the reason of each that does not."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name = intent.environment.name
    async with reach(intent, Tell(on_event, time.time)) as fleet:
        facts = typed(await read(fleet, verify=True))
        meant = release_meant(project, words.release)
        wrong = {host: why for host, fact in facts.items() if (why := _otherwise(fact, meant))}

        async def prove(host: str) -> dict[str, Any]:
            return await fleet.call(host, "prove", _proof(intent, host, facts), timeout_seconds=PROVE_SECONDS)

        proved = await fleet.each(prove, [host for host in facts if host not in wrong])
    wrong |= {host: _reason(error) for host, error in proved.errors.items()}
    probes = {host: answer.get("probes", []) for host, answer in proved.answers.items()}
    data = {"wrong": wrong, "probes": probes, "lines": [f"{host}: {wrong.get(host, 'proved')}" for host in sorted(facts)]}
    if wrong:
        hosts = named(sorted(wrong))
        return Verdict("answer", 1, f"{words.release} is not proved on {hosts}", f"shipway status {name} shows each host", "", data)
    return Verdict("answer", 0, f"{words.release} serves on {', '.join(sorted(facts))}, proved now", "", "", data)


def _otherwise(fact: HostFacts, words: str) -> str:
    if fact.live is None:
        return "nothing is current"
    if not fits(fact.live, words) and words != str(fact.member.current):
        return f"serves {fact.live.get('version') or str(fact.live['release'])[:12]}"
    if fact.is_stopped:
        return "it is stopped"
    if fact.member.unsettled:
        return f"serves it, but deployment {fact.member.unsettled[-1].deployment} is not decided"
    return "; ".join(fact.wrongs)


def _proof(intent: Intent, host: str, facts: Mapping[str, HostFacts]) -> dict[str, Any]:
    fact = facts[host]
    document = fact.live or {}
    machine = next(h for h in intent.environment.hosts if h.name == host)
    door = front_door(intent, machine, fact) if serves(document) else None
    return {"watch_seconds": 0.0, "pages": proof_pages(document) if door is not None else [], "front": door}


def _reason(error: HostError) -> str:
    return "; ".join([error.message, *error.lines[-3:]])
