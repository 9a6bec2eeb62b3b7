"""Hosts, facts and the strategy of an environment in; out, which hosts go when, and what the others must prove before."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.model.facts import HostFacts, Json, serves
from shipway.model.intent import Intent
from shipway.model.plan import Batch, Step
from shipway.plan import steps
from shipway.plan.activation import lead_of, proof_of
from shipway.plan.standing import CLOSED


def batches(intent: Intent, documents: Mapping[str, Json], facts: Mapping[str, HostFacts]) -> tuple[Batch, ...]:
    """The batches of a rolling deployment; none where all hosts go at once.

    In order of id, but hosts on which nothing serves yet come first, for they take nothing away, and the lead comes last: from the
    first switch to the decision every switched host may have to ask the lead, so the lead stays longest on the release that is known to
    be good, and what it proves of the new one is fresh when it decides. A batch without a host that serves asks for no floor.
    """
    environment = intent.environment
    if environment.strategy != "rolling":
        return ()
    lead = lead_of(environment.hosts).name
    names = sorted(documents, key=lambda name: (name == lead, _serves_now(facts[name]), name))
    size = environment.batch_hosts
    groups = [tuple(names[at : at + size]) for at in range(0, len(names), size)]
    found = []
    for number, hosts in enumerate(groups, 1):
        switched = {name for group in groups[: number - 1] for name in group}
        most = len(names) - len(hosts)  # fewer than the floor only where hosts are left out on purpose
        floor = min(environment.floor_hosts, most) if any(_serves_now(facts[name]) for name in hosts) else 0
        outside = sorted(set(names) - set(hosts) if floor else switched)
        documented = {name: documents[name] if name in switched else facts[name].live for name in outside}
        looks = {name: look for name, document in documented.items() if (look := _look(intent, name, document, facts, number))}
        found.append(Batch(hosts, looks, floor))
    return tuple(found)


def once_more(
    intent: Intent, rolling: tuple[Batch, ...], documents: Mapping[str, Json], facts: Mapping[str, HostFacts]
) -> dict[str, tuple[Step, ...]]:
    """The proof that hosts of all batches but the last give once more, while the last is watched: it is fresh at the decision."""
    hosts = {host.name: host for host in intent.environment.hosts}
    earlier = sorted(name for batch in rolling[:-1] for name in batch.hosts)
    seconds = intent.environment.watch_seconds
    return {name: (steps.prove_again(seconds, *proof_of(intent, hosts[name], documents[name], facts[name])),) for name in earlier}


def _look(intent: Intent, name: str, document: Json | None, facts: Mapping[str, HostFacts], number: int) -> tuple[Step, ...]:
    if document is None or not serves(document) or document.get(CLOSED):
        return ()
    host = next(host for host in intent.environment.hosts if host.name == name)
    return (steps.see_serving(number, *proof_of(intent, host, document, facts[name])),)


def _serves_now(facts: HostFacts) -> bool:
    return facts.live is not None and serves(facts.live) and not facts.live.get(CLOSED)
