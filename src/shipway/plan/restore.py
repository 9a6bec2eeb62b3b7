"""Intent, facts and a restore point in; out, the Plan that lets it take the place of what is there, on the one host that keeps it."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.plan import Plan, Step, Wave
from shipway.plan.activation import lead_of
from shipway.plan.data.points import GRACE_SECONDS
from shipway.plan.documents import document_again
from shipway.plan.facts import open_notes
from shipway.plan.gates import UNTOUCHED, pass_gates


def plan_restore(
    intent: Intent,
    facts: Mapping[str, HostFacts],
    point: str,
    host: str,
    *,
    deployment: str,
    who: str,
    number: int,
    peer_key: str,
    timeout_seconds: float,
) -> Plan:
    """One step behind the leases of all members: nobody deploys meanwhile, and no host switches. Raises Refused: the gates' reasons."""
    pass_gates(intent, None, facts)
    environment = intent.environment
    lead = lead_of(environment.hosts)
    live = facts[lead.name].live
    if live is None:
        raise Refused(
            f"nothing is current in {environment.name}, so nothing says what its data is",
            state=UNTOUCHED,
            hint=f"shipway deploy {environment.name}",
            code="nothing-current",
        )
    step = Step(
        f"restore:{point}", "data.restore", {"point": point}, f"put {point} in the place of what is there", timeout_seconds + GRACE_SECONDS
    )
    document = document_again(
        intent,
        live,
        kind="restore",
        who=who,
        number=number,
        before=facts[lead.name].member.current,
        peer_key=peer_key,
        what=f"restore {point}",
        command=f"data restore {environment.name} {point} --yes",
    )
    return Plan(
        kind="restore",
        app=intent.app,
        environment=environment.name,
        release=str(live["release"]),
        number=number,
        lead=lead.name,
        members=tuple(sorted(h.name for h in environment.hosts)),
        waves=(Wave("restored", "activate", {host: (step,)}),),
        document=document,
        lease_seconds=environment.lease_seconds,
        confirm_seconds=environment.confirm_seconds,
        watch_seconds=environment.watch_seconds,
        notes=tuple(open_notes(facts)),
    )
