"""What happens in a simulated fleet in, a history out: lines for the checker, and words for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Json = Mapping[str, Any]

ID = re.compile(r"\b(\d+)-[0-9a-f]{6}\b")
"""An id of a deployment ends with chance that no seed reaches."""


class Happening(NamedTuple):
    """One line of a history. `at` is seconds of simulated time; `host` is empty where none is meant."""

    at: float
    what: str
    host: str
    data: Json


def words(history: Iterable[Happening], *, began: float = 0.0) -> Iterator[str]:
    """A line of text a happening. Deployments are named by number, and by a letter where two took the same: d3, d3b."""
    names: dict[str, str] = {}
    numbers: dict[str, int] = {}

    def name(found: re.Match[str]) -> str:
        if found[0] not in names:
            taken = numbers[found[1]] = numbers.get(found[1], 0) + 1
            names[found[0]] = f"d{found[1]}{chr(ord('a') + taken - 1) if taken > 1 else ''}"
        return names[found[0]]

    for line in history:
        data = " ".join(f"{key}={value}" for key, value in line.data.items() if value is not None)
        yield ID.sub(name, f"{line.at - began:9.3f}  {line.host:<8} {line.what:<16} {data}".rstrip())
