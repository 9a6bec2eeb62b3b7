"""A manifest in, what a host is asked about it out; and what is said of one blob."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shipway_agent.record import dataclass, field

Blob = tuple[str, bool, int]
"""Digest, executable, size in bytes."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A manifest: its digest, the contents that it names (as `manifest.contents` has them), its bytes.

    `base` is a manifest that the host is known to have, from which `put` and `removed` make this one; `fresh` are the contents that it
    does not name.
    """

    digest: str
    blobs: tuple[Blob, ...]
    data: bytes
    base: str = ""
    put: Sequence[Any] = field(default=())
    removed: Sequence[str] = field(default=())
    fresh: tuple[Blob, ...] = ()

    @property
    def question(self) -> dict[str, Any]:
        """This manifest as a host is asked about it."""
        return {"digest": self.digest, **({"base": self.base, "put": self.put, "removed": self.removed} if self.base else {})}
