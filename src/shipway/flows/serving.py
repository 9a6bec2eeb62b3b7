"""Facts of hosts in, what serves now in words out."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.model.facts import HostFacts


def serving(facts: Mapping[str, HostFacts], where: str = "everywhere") -> str:
    """What serves now on the hosts that were read, in words."""
    versions = {str(fact.live.get("version", "")) if fact.live is not None else "nothing" for fact in facts.values()}
    return f"{versions.pop()} serves {where}" if len(versions) == 1 else f"hosts serve {', '.join(sorted(versions))}"
