"""Bytes that came to a host from other hosts, by their names, in; words for people out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.reports.clean import clean
from shipway.reports.sizes import size

NAMED = 3


def between(peers: Mapping[str, Any]) -> str:
    """In words: 12.3 MB from b, c and d; 12.3 MB from 15 other hosts; nothing where nothing came."""
    given = {clean(name): int(came) for name, came in peers.items() if isinstance(came, int) and came > 0}
    if not given:
        return ""
    *most, last = given
    names = f"{', '.join(most)} and {last}" if most else last
    return f"{size(sum(given.values()))} from {names if len(given) <= NAMED else f'{len(given)} other hosts'}"
