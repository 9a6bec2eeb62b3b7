"""Many hosts in, few out: their names in a sentence, and those of a report that are worth a row. Pure.

Nobody reads ten thousand rows: who is in trouble comes first, then whoever took longest. What is left out is counted in words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from shipway.reports.clean import clean

Told = Mapping[str, Any]

NAMED = 20
"""Hosts that a sentence names; of more, the first ones and how many there are."""


def named(names: Sequence[str], most: int = NAMED) -> str:
    """In words: a, b, c; or, of many, the first of them and the number of the others."""
    if len(names) <= most:
        return ", ".join(clean(name) for name in names)
    first = names[: max(1, most // 4)]
    return f"{', '.join(clean(name) for name in first)} and {len(names) - len(first):,} more"


def fewer(told: Told, most: int) -> tuple[Told, str]:
    """A report, as reports/json.py makes it, with at most so many of its hosts; and words about the others, none where all fit."""
    hosts: Mapping[str, Told] = told["hosts"]
    if len(hosts) <= most:
        return told, ""
    kept = {name for name, _ in sorted(hosts.items(), key=lambda item: (_urgency(item[1]), item[0]))[:most]}
    left = Counter(str(host["decision"] or "undecided") for name, host in hosts.items() if name not in kept)
    words = f"and {left.total():,} more: {', '.join(f'{count:,} {stage}' for stage, count in left.most_common())}"
    waits = [wait for wait in told["waits"] if wait["host"] in kept or not wait["host"]]
    return {**told, "hosts": {name: host for name, host in hosts.items() if name in kept}, "waits": waits}, words


def _urgency(host: Told) -> tuple[bool, float]:
    steps = host["steps"]
    trouble = bool(host["lost"] or host["went_back"]) or any(step["state"] == "failed" for step in steps)
    return not trouble, -sum(step["seconds"] or 0.0 for step in steps)
