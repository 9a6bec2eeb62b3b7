"""A manifest in, its entries out: read once for all questions and steps of a session that are about one release."""

from __future__ import annotations

from shipway_agent import manifest
from shipway_agent.manifest import Entry
from shipway_agent.typed import Any, Dict, Sequence, Tuple

_KEPT: Dict[bytes, Tuple[Entry, ...]] = {}
"""The last one, under its own bytes."""


def know_changed(data: bytes, put: Sequence[Any]) -> None:
    """Read one that was made of another, which `manifest.read` has let through, by putting these rows. Raises as that does."""
    _KEPT.clear()
    _KEPT[data] = manifest.read_changed(data, put)


def entries(data: bytes, *, again: bool = False) -> Tuple[Entry, ...]:
    """What `manifest.read` makes of it; `again` for one that it has let through before. Raises as that does."""
    found = _KEPT.get(data)
    if found is None:
        found = manifest.read_again(data) if again else manifest.read(data)
        _KEPT.clear()
        _KEPT[data] = found
    return found
