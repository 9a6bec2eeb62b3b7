"""A shelf in, the blobs of its parcels out: unpacked in their order while the rest still comes, named when all of them are on disk."""

from __future__ import annotations

import threading

from shipway_agent.errors import AgentError
from shipway_agent.feed.shelf import Shelf
from shipway_agent.primitives import parcels
from shipway_agent.record import dataclass
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, Iterator, Optional

OF_OUR_DISK = frozenset({"disk-full", "denied", "read-only", "io"})
"""Codes of faults that nobody can mend by sending anything once more."""


@dataclass
class Unpacker:
    """For `count` blobs with `size` bytes. `answer` is that of `parcels.unpack` once all is done, None where it came to nothing: then no
    blob of it has a name, and the parcels are there to be unpacked again.
    """

    root: Root
    shelf: Shelf
    count: int
    size: int
    answer: Optional[Dict[str, Any]] = None
    fault: Optional[AgentError] = None
    _thread: Optional[threading.Thread] = None

    def begin(self) -> None:
        """Start with the first parcel that comes."""
        self._thread = threading.Thread(target=self._run, name="feed unpack", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait for it. The shelf must be closed: of one that is not whole nothing is kept."""
        if self._thread is not None:
            self._thread.join()
        if self.answer is not None:
            parcels.forget(self.root, list(self.shelf.wanted))

    def _run(self) -> None:
        try:
            self.answer = parcels.unpack(self.root, self._in_order(), count=self.count, size=self.size)
        except AgentError as error:
            if error.code in OF_OUR_DISK:
                self.fault = error

    def _in_order(self) -> Iterator[Optional[bytes]]:
        place = 0
        while True:
            if self.shelf.waits(place):
                yield None
            digest = self.shelf.next(place)
            if digest is None:
                break
            yield self.shelf.store.read(digest)
            place += 1
        if not self.shelf.whole:
            raise AgentError("cut", "the feeding ended before all parcels were here; nothing of them was unpacked")
