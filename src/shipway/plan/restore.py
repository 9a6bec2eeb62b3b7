"""Intent, facts and a restore point in; out, the Plan that lets it take the place of what is there, on the one host that keeps it."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.plan import Plan, Step
from shipway.plan.activation import lead_of
from shipway.plan.data.points import GRACE_SECONDS
from shipway.plan.gates import UNTOUCHED, pass_gates
from shipway.plan.unswitched import plan_unswitched


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
    return plan_unswitched(
        intent,
        facts,
        live,
        kind="restore",
        wave="restored",
        steps={host: (step,)},
        number=number,
        who=who,
        peer_key=peer_key,
        what=f"restore {point}",
        command=f"data restore {environment.name} {point} --yes",
    )
