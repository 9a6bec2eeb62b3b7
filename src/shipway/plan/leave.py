"""Intent, facts and a host that leaves in, the Plan of `shipway host remove` out: it is taken off the app, then off every other record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shipway.model.facts import HostFacts, Json
from shipway.model.intent import Host, Intent
from shipway.model.plan import Plan
from shipway.plan import steps
from shipway.plan.documents import document_again
from shipway.plan.facts import newest_committed
from shipway.plan.jobs import homeless_notes
from shipway.plan.outline import outline
from shipway_agent.record import replace


def plan_leave(
    intent: Intent,
    leaving: str,
    facts: Mapping[str, HostFacts],
    *,
    deployment: str,
    who: str,
    number: int,
    peer_key: str,
    lost: bool,
    shared: bool = False,
) -> Plan:
    """`facts` are of every host that stays and, unless it is `lost`, of the one that leaves.

    Under `switch` it is taken off the application: it serves until then. Under `finish` each that stays records that it left, which
    names the lead too: nothing is decided, for what one of them has recorded counts for all. `shared` removes its shared paths too.
    """
    staying = sorted(set(facts) - {leaving})
    live = next((live for name in staying if (live := facts[name].live) is not None), {})
    newest = newest_committed(facts)
    before = newest.fence if newest is not None else None
    document = document_again(intent, live, kind="host remove", who=who, number=number, before=before, peer_key=peer_key)
    notes = [*_notes(leaving, facts, lost, shared), *homeless_notes(leaving, intent.environment.name, live)]
    return replace(
        outline(intent, {**document, "leaving": leaving, "lost": lost}, notes),
        lead=min(facts),
        members=tuple(sorted(facts)),
        switch={} if lost else {leaving: (steps.remove(keep_shared=not shared),)},
        finish={name: (steps.leave(leaving, deployment, number),) for name in staying},
    )


def address_on_record(facts: Mapping[str, HostFacts], name: str) -> Host | None:
    """Where a member was at the last deployment that some host has a generation of; None where nobody remembers."""
    documents: Sequence[Json] = [document for fact in facts.values() for document in fact.generations.values()]
    known = [document for document in documents if name in document.get("members", {})]
    if not known:
        return None
    place = max(known, key=lambda document: int(document["number"]))["members"][name]
    return Host(name, str(place["address"]), root=place.get("root"))


def _notes(leaving: str, facts: Mapping[str, HostFacts], lost: bool, shared: bool) -> list[str]:
    if lost:
        return [f"{leaving} is written off: nothing is asked of it, and what it may still serve is not touched"]
    what = "is removed too, for good" if shared else "is kept"
    return [f"{leaving}: shared/{path} {what}" for path in facts[leaving].shared]
