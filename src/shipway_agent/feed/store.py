"""The parcels of one root, as a shelf needs them: what a cut left there need not travel again, and no byte of them is trusted unread."""

from __future__ import annotations

from dataclasses import dataclass

from shipway_agent.errors import AgentError
from shipway_agent.primitives import parcels
from shipway_agent.root import Root


@dataclass(frozen=True)
class Parcels:
    """Below `parcels/` of `root`."""

    root: Root

    def has(self, digest: str) -> bool:
        """Whether it is here and whole; a damaged one is taken away."""
        try:
            self.read(digest)
        except AgentError as error:
            if error.code != "parcel-gone":
                raise
            return False
        return True

    def keep(self, digest: str, data: bytes) -> None:
        """Put one there that was compared with its digest, in one rename. Raises AgentError: disk-full, denied, read-only."""
        parcels.keep(self.root, digest, data, compared=True)

    def read(self, digest: str) -> bytes:
        """The bytes of one. Raises AgentError `parcel-gone`."""
        return parcels.read(self.root, digest)
