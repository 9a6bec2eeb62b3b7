"""The parcels of one root, as a shelf needs them: what a cut left there need not travel again, and no byte of them is trusted unread.

What this process compared it neither compares again while nobody wrote to it, nor, while it is among the newest, reads from the disk.
"""

from __future__ import annotations

import threading

from shipway_agent.errors import AgentError
from shipway_agent.identity import Identity
from shipway_agent.primitives import parcels
from shipway_agent.record import dataclass, field
from shipway_agent.root import Root
from shipway_agent.typed import Dict

MOST_NEW = 8
"""Parcels in memory, of at most 1 MiB: other hosts ask for one as soon as it is there, and it is unpacked soon."""


@dataclass
class Parcels:
    """Below `parcels/` of `root`. Threads share it."""

    root: Root
    _files: Dict[str, Identity] = field(default_factory=dict)
    _new: Dict[str, bytes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

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
        file = parcels.keep(self.root, digest, data, compared=True)
        with self._lock:
            self._new[digest] = data
            if len(self._new) > MOST_NEW:
                del self._new[next(iter(self._new))]
            if file is not None:
                self._files[digest] = file

    def read(self, digest: str) -> bytes:
        """The bytes of one. Raises AgentError `parcel-gone`."""
        with self._lock:
            data, file = self._new.get(digest), self._files.get(digest)
        return data if data is not None else parcels.read(self.root, digest, file)
