"""An intent and its open fleet in; out, what the hosts that keep its restore points say of them, and what doctor finds in that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.data_points import ask
from shipway.flows.hints import hint
from shipway.model.errors import AGAIN
from shipway.model.facts import HostFacts
from shipway.model.finding import Finding
from shipway.model.intent import Intent
from shipway.model.kept import Kept, Taken
from shipway.plan.checks.data import data_findings
from shipway.plan.data.points import keeper
from shipway.reports.copies import places_of
from shipway.reports.data import points_of
from shipway.reports.reading import duration, mapped, text

CHECK_SECONDS = 60.0


async def data_checks(intent: Intent, fleet: Fleet, facts: Mapping[str, HostFacts], tell: Tell) -> list[Finding]:
    """Nothing where no data is declared, or where what serves declares none yet. A host that cannot be asked has its finding already."""
    keepers = {data.name: keeper(data, intent) for data in intent.environment.data}
    hosts = {host for host in keepers.values() if host in facts and facts[host].live is not None}
    said = (await fleet.each(lambda host: ask(fleet, tell, host, {"do": "check"}, bound_seconds=CHECK_SECONDS), hosts)).answers
    found: list[Finding] = []
    for data in intent.environment.data:
        host = keepers[data.name]
        kept = _kept(data.name, host, said.get(host, {}))
        if kept is not None:
            address = next(one.address for one in intent.environment.hosts if one.name == host)
            name = intent.environment.name
            again = f"shipway doctor {name}"
            advice = hint(kept.refusal[0], environment=name, host=host, address=address).replace(AGAIN, again) if kept.refusal else ""
            found += data_findings(data, kept, facts[host].disk.free_bytes, name, advice)
    return found


def _kept(name: str, host: str, answer: Mapping[str, Any]) -> Kept | None:
    """What one host says of one data; None where what serves there does not declare it."""
    check = mapped(answer, "checks").get(name)
    if not isinstance(check, Mapping):
        return None
    points = points_of({host: answer}).get(name, [])
    refusal = mapped(check, "refusal")
    return Kept(
        data=name,
        host=host,
        clock=duration(answer, "clock") or 0.0,
        points=tuple(Taken(one.point, one.at, one.bytes, one.restored_seconds is not None) for one in points if not one.damaged),
        damaged=tuple(one.damaged for one in points if one.damaged),
        places=tuple(place for place in places_of({host: answer}) if place.data == name),
        refusal=(text(refusal, "code"), text(refusal, "message")) if refusal else None,
        no_restore=text(check, "no_restore"),
    )
