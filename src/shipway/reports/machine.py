"""What machines have and what was made there in; out, a block for each host in the order of the work, and the same for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shipway.model.machine import Thing
from shipway.reports.clean import clean
from shipway_agent.record import asdict

SHOWN = {"there": "ok", "made": "made", "wanted": "would", "note": "note", "wrong": "wrong"}
WIDTH = max(len(word) for word in SHOWN.values())


def machine_text(hosts: Mapping[str, Sequence[Thing]]) -> list[str]:
    """For a person."""
    lines: list[str] = []
    for host, things in hosts.items():
        lines += ["", clean(host)]
        for one in things:
            lines.append(f"  {SHOWN.get(one.state, one.state):{WIDTH}}  {clean(one.says)}")
            if one.next:
                lines.append(f"  {'':{WIDTH}}    next: {clean(one.next)}")
    return [*lines[1:], ""] if lines else []


def machine_json(hosts: Mapping[str, Sequence[Thing]]) -> dict[str, Any]:
    """For programs: by host, in the order of the work."""
    return {"hosts": {host: [asdict(one) for one in things] for host, things in hosts.items()}}
