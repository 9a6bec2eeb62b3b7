"""What is wanted and what serves on each host in, the keys of the configuration that differ out, as a report tells them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from shipway.model.difference import SettingChange
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.release import Release
from shipway.plan.difference import difference
from shipway.plan.standing import scaled

Changes: TypeAlias = Callable[[Mapping[str, HostFacts]], list[dict[str, Any]]]


def setting_changes(intent: Intent, release: Release, facts: Mapping[str, HostFacts]) -> list[dict[str, Any]]:
    """Each change once, with the hosts that it concerns. Values of the environment are never in it."""
    hosts_of: dict[SettingChange, list[str]] = {}
    for host in sorted(intent.environment.hosts, key=lambda host: host.name):
        if host.name in facts:
            for change in difference(scaled(intent, facts), release, host, facts[host.name].live, None).settings:
                hosts_of.setdefault(change, []).append(host.name)
    return [{"key": c.key, "change": c.change, "before": c.before, "after": c.after, "hosts": hosts} for c, hosts in hosts_of.items()]
