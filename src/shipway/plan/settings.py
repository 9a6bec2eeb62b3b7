"""Settings and the facts of a fleet in, the same settings out with how each host's live generation compares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from shipway.model.facts import HostFacts
from shipway.model.intent import Host, Intent
from shipway.model.setting import Setting
from shipway.plan.documents import env_digest
from shipway.plan.runtimes.process import fits
from shipway_agent.record import replace


def compared(intent: Intent, settings: Sequence[Setting], values: Mapping[str, str], facts: Mapping[str, HostFacts]) -> list[Setting]:
    """Compare what is wanted with the digests that live generations keep. `values` holds, by place, what is at hand.

    What only hosts have comes last, as settings with the source "live only". What only a host can know is compared with nothing.
    """
    wanted = {setting.place for setting in settings}
    asked = [
        replace(
            setting,
            live={
                host.name: _state(setting.place, values, facts[host.name])
                for host in intent.environment.hosts
                if _goes_to(setting.owner, intent, host)
            },
        )
        if setting.secret or setting.place in values
        else setting
        for setting in settings
    ]
    return [*asked, *_extra(wanted, facts)]


def _state(place: str, values: Mapping[str, str], facts: HostFacts) -> str:
    live = facts.live or {}
    digest = live.get("env_digests", {}).get(place)
    if digest is None:
        return "absent"
    if place not in values:
        return "unknown"
    return "same" if env_digest(place, values[place], str(live.get("env_salt", ""))) == digest else "changed"


def _goes_to(owner: str, intent: Intent, host: Host) -> bool:
    """Whether the process or task runs on this host."""
    roles = {f"process.{process.name}": process.roles for process in intent.shipment.processes}
    roles |= {f"task.{task.name}": task.roles for task in intent.shipment.ending}
    return not owner or fits(roles[owner], host)


def _extra(wanted: Collection[str], facts: Mapping[str, HostFacts]) -> list[Setting]:
    found: dict[str, dict[str, str]] = {}
    for host, fact in sorted(facts.items()):
        for place in (fact.live or {}).get("env_digests", {}):
            if place not in wanted:
                found.setdefault(place, {})[host] = "extra"
    return [Setting(*_split(place), "live only", live=hosts) for place, hosts in sorted(found.items())]


def _split(place: str) -> tuple[str, str]:
    """Name and owner."""
    owner, _, name = place.rpartition(".")
    return name, owner
