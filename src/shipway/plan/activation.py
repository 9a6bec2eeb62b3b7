"""Generation documents in, the half that every flow shares out: vote, start, switch, verify, finish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shipway.model.elders import known_to_each
from shipway.model.facts import HostFacts, Json, serves
from shipway.model.intent import Host, Intent
from shipway.model.plan import Step, Wave
from shipway.model.whereabouts import dialled, found_at
from shipway.plan import steps
from shipway.plan.front import certificates_step, closing_step, front_door

ANY_ANSWER = list(range(200, 500))
"""Status codes that show an application at work where nobody said what a good page is."""


def votes(intent: Intent, facts: Mapping[str, HostFacts], *, deployment: str, number: int) -> dict[str, tuple[Step, ...]]:
    """The last steps of prepare on every host: its vote, with the addresses where it may ask others, and one try to reach the lead."""
    hosts = intent.environment.hosts
    addresses = {host.name: peer_addresses(host, facts) for host in hosts} if len(hosts) > 1 else {}
    known = known_to_each(host.name for host in hosts)

    def vote(name: str) -> Step:
        return steps.member("vote", deployment, number, addresses={other: addresses[other] for other in known[name]} if addresses else {})

    return {host.name: (vote(host.name), steps.peers_reach()) if addresses else (vote(host.name),) for host in hosts}


def with_files(documents: Mapping[str, Json], last: Mapping[str, tuple[Step, ...]], number: int) -> dict[str, tuple[Step, ...]]:
    """The same steps, and before them what makes files ready to be served on hosts that serve any: right behind the tasks."""
    return {host: (steps.files_lay(number), *todo) if documents[host].get("static") else todo for host, todo in last.items()}


def start_wave(
    intent: Intent,
    documents: Mapping[str, Json],
    facts: Mapping[str, HostFacts],
    *,
    deployment: str,
    number: int,
    warm: Sequence[str] = (),
) -> Wave:
    """Candidates beside what serves, proved at the address that the proxy will dial. The barrier *ready*. On `warm` hosts they run."""

    def start(host: Host) -> Step:
        document = documents[host.name]
        step = steps.process_start(number, document["processes"], warm=host.name in warm)
        return steps.visited(step, *proof_of(intent, host, document, facts[host.name]))

    return Wave(
        "ready",
        "start",
        {
            host.name: (steps.member("start", deployment, number), start(host), steps.member("ready", deployment, number))
            for host in intent.environment.hosts
        },
    )


def switches(intent: Intent, documents: Mapping[str, Json], facts: Mapping[str, HostFacts]) -> dict[str, tuple[Step, ...]]:
    """The rename, everywhere at once."""
    return {h.name: (steps.switch(*proof_of(intent, h, documents[h.name], facts[h.name])),) for h in intent.environment.hosts}


def verifications(
    intent: Intent, documents: Mapping[str, Json], facts: Mapping[str, HostFacts], number: int
) -> dict[str, tuple[Step, ...]]:
    """Workers run, and what serves is this generation: at its listeners and through the front door."""
    found: dict[str, tuple[Step, ...]] = {}
    for host in intent.environment.hosts:
        document = documents[host.name]
        proof = steps.prove(intent.environment.watch_seconds, *proof_of(intent, host, document, facts[host.name]))
        workers = steps.workers_settled(number, drain_seconds(document, facts[host.name].live))
        found[host.name] = (workers, proof) if _workers(document) else (proof,)
    return found


def finishes(
    intent: Intent, documents: Mapping[str, Json], facts: Mapping[str, HostFacts], *, deployment: str, number: int
) -> dict[str, tuple[Step, ...]]:
    """After the commit: what still drains is named, old domains are closed, the lease goes back, old generations go."""
    found: dict[str, tuple[Step, ...]] = {}
    for host in intent.environment.hosts:
        close = closing_step(intent, host, facts[host.name], documents[host.name])
        last = (steps.retire_watch(), steps.member("finish", deployment, number), steps.prune(intent.environment.keep_releases))
        see = certificates_step(intent, host, facts[host.name], documents[host.name])
        found[host.name] = tuple(step for step in (close, *last, see) if step is not None)
    return found


def peer_addresses(host: Host, facts: Mapping[str, HostFacts]) -> list[str]:
    """Where other hosts ask this one: at its `peer`, or the host part of its address. Empty where it does not listen."""
    port = facts[host.name].peer_port
    if port is None:
        return []
    return [dialled(found_at(host), port)]


def lead_of(hosts: Sequence[Host]) -> Host:
    """The host whose journal holds the decision: the first by id."""
    return min(hosts, key=lambda host: host.name)


def proof_pages(document: Json) -> list[dict[str, Any]]:
    """What the front door is asked: the key pages, else the pages of health, else whether anything answers at all."""
    if document.get("key_pages"):
        return [dict(page) for page in document["key_pages"]]
    healthy = [dict(p["health"]["page"]) for p in document["processes"] if p.get("listens") and p.get("health")]
    return healthy[:1] or [{"path": "/", "status": ANY_ANSWER, "contains": None, "timeout_seconds": 5.0}]


def proof_of(intent: Intent, host: Host, document: Json, facts: HostFacts) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The pages that the front door of a host is asked, and where it is; none where nothing serves."""
    return (proof_pages(document), front_door(intent, host, facts)) if serves(document) else ([], None)


def _workers(document: Json) -> bool:
    return any(not p["listens"] for p in document["processes"])


def drain_seconds(document: Json, live: Json | None) -> float:
    """How long an old worker that may not overlap can take to end."""
    both = [*document["processes"], *(live or {}).get("processes", ())]
    return max((float(p["drain_seconds"]) for p in both if not p["listens"] and not p.get("overlap", True)), default=0.0)
