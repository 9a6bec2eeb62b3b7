"""Intent and facts in, the Plan of `shipway remove` out: one step a host that takes the application off it."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.plan import Plan
from shipway.plan import steps
from shipway.plan.activation import lead_of
from shipway.plan.documents import document_again
from shipway.plan.gates import pass_gates
from shipway.plan.outline import outline
from shipway_agent.record import replace


def plan_remove(
    intent: Intent, facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str, shared: bool = False
) -> Plan:
    """The step `remove` stands under `switch`: it is what users see. It is the call `remove`, for it takes the journal along.

    `shared` removes the shared paths too. Hosts that hold nothing are left out; nothing to do when none does.
    Raises Refused (plan/gates.py).
    """
    pass_gates(intent, None, facts)
    lead = lead_of(intent.environment.hosts)
    live = facts[lead.name].live or {}
    before = facts[lead.name].member.current
    document = document_again(intent, live, kind="remove", who=who, number=number, before=before, peer_key=peer_key)
    switch = {name: (steps.remove(keep_shared=not shared),) for name, fact in sorted(facts.items()) if _holds(fact, shared)}
    return replace(outline(intent, document, _notes(facts, shared)), switch=switch)


def _holds(fact: HostFacts, shared: bool) -> bool:
    return bool(fact.generations or fact.releases or fact.processes or fact.link is not None or (shared and fact.shared))


def _notes(facts: Mapping[str, HostFacts], shared: bool) -> list[str]:
    what = "is removed too, for good" if shared else "is kept"
    return [f"{name}: shared/{path} {what}" for name, fact in sorted(facts.items()) for path in fact.shared]
