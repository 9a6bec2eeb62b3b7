"""Intent and facts in; out, the Plan that runs the contract migrations of the release that serves: behind its commit, by one host."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.plan import Plan, Step
from shipway.plan.activation import lead_of
from shipway.plan.data.points import GRACE_SECONDS, point_behind
from shipway.plan.data.schema import keeper_of_live, still
from shipway.plan.gates import UNTOUCHED, pass_gates
from shipway.plan.unswitched import plan_unswitched


def plan_migrate(intent: Intent, facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str) -> Plan:
    """A restore point, then the migrations, behind the leases of all members: nobody deploys meanwhile, and no host switches.

    Raises Refused: the gates' reasons; where nothing serves, or what serves has no migrations; where a release before it still runs.
    """
    pass_gates(intent, None, facts)
    environment = intent.environment
    lead = lead_of(environment.hosts)
    host, live = keeper_of_live(facts), facts[lead.name].live
    current = facts[lead.name].member.current
    if live is None or current is None or not host:
        raise _refused(environment.name, "no-migrations-here", f"nothing that serves in {environment.name} has migrations", "deploy")
    others = [f"{said} on {name}" for name, fact in sorted(facts.items()) for said in still(fact, current)]
    if others:
        message = f"the release before still runs, and may need what contract migrations take away: {'; '.join(others)}"
        raise _refused(environment.name, "release-before", message, "status")
    row = next(fact.live["migrations"] for fact in facts.values() if fact.live is not None and fact.live.get("migrations"))
    run = Step(
        "migrate:contract",
        "migrations.run",
        {"generation": current, "phase": "contract", "held": []},
        "run contract migrations",
        float(row["timeout_seconds"]) + GRACE_SECONDS,
    )
    points = [point_behind(data, current) for data in environment.data if data.name == row["data"] and data.points != "never"]
    return plan_unswitched(
        intent,
        facts,
        live,
        kind="migrate",
        wave="migrated",
        steps={host: (*points, run)},
        number=number,
        who=who,
        peer_key=peer_key,
        what=f"contract migrations of {row['data']}",
        command=f"data migrate {environment.name}",
    )


def _refused(environment: str, code: str, message: str, command: str) -> Refused:
    return Refused(message, state=UNTOUCHED, hint=f"shipway {command} {environment}", code=code)
