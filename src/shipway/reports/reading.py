"""Data of an event in, values of the expected form out: what a host sent in another form counts as nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.reports.clean import clean


def text(data: Mapping[str, Any], key: str) -> str:
    """One clean line; "" where there is nothing."""
    value = data.get(key)
    return "" if value is None else clean(value)


def number(data: Mapping[str, Any], key: str) -> float | None:
    """A finite number, None for anything else."""
    value = data.get(key)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < 1e15 else None


def duration(data: Mapping[str, Any], key: str) -> float | None:
    """Seconds, never negative; None for anything else."""
    value = number(data, key)
    return None if value is None else max(0.0, value)


def whole(data: Mapping[str, Any], key: str) -> int | None:
    """A whole number, None for anything else."""
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def listed(data: Mapping[str, Any], key: str) -> list[Any]:
    """A list, empty for anything else."""
    value = data.get(key)
    return list(value) if isinstance(value, (list, tuple)) else []


def mapped(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object, empty for anything else."""
    value = data.get(key)
    return {str(name): inner for name, inner in value.items()} if isinstance(value, Mapping) else {}
