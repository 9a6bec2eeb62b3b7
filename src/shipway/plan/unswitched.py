"""Steps for one host of an environment in; out, a plan that runs them behind the leases of all members, and switches no host. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.plan import Plan, Step, Wave
from shipway.plan.activation import lead_of
from shipway.plan.documents import document_again
from shipway.plan.facts import open_notes
from shipway.plan.outline import outline
from shipway_agent.record import replace


def plan_unswitched(
    intent: Intent,
    facts: Mapping[str, HostFacts],
    live: Mapping[str, Any],
    *,
    kind: Literal["restore", "migrate"],
    wave: str,
    steps: Mapping[str, tuple[Step, ...]],
    number: int,
    who: str,
    peer_key: str,
    what: str,
    command: str,
) -> Plan:
    """A plan about what serves, whose document is `live`. Nobody deploys meanwhile; `what` and `command` say it to people."""
    lead = lead_of(intent.environment.hosts)
    document = document_again(
        intent,
        live,
        kind=kind,
        who=who,
        number=number,
        before=facts[lead.name].member.current,
        peer_key=peer_key,
        what=what,
        command=command,
    )
    return replace(outline(intent, document, open_notes(facts)), waves=(Wave(wave, "activate", steps),))
