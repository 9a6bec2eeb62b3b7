"""Blobs of this host in, their parcels on the shelf out: a build host has what it built, and is the first that gives it.

It packs as the operator does, by the same code. Where its zlib packs otherwise the names differ: then nothing of it is wanted, and the
operator sends all, as if this host were not there. So nobody has to trust what was packed here.
"""

from __future__ import annotations

import threading

from shipway_agent.errors import AgentError
from shipway_agent.feed.shelf import Shelf
from shipway_agent.packer import fill, whole
from shipway_agent.parcel import ZLIB, name_of
from shipway_agent.primitives import parcels
from shipway_agent.primitives.intake import FOLDER, path_of
from shipway_agent.record import dataclass
from shipway_agent.root import Root
from shipway_agent.typed import Callable, Iterator, Optional, Sequence, Tuple

OWN = "stock"
"""Where a parcel came from that was made here."""

MOST_BLOB_BYTES = 1 << 30
"""A larger blob is read whole into no memory: what is behind it the operator sends."""


@dataclass
class Stocker:
    """Packs in a thread. `made` is told of each parcel that is wanted, `ended` that no more come."""

    root: Root
    shelf: Shelf
    made: Callable[[str], None]
    ended: Callable[[], None]
    _thread: Optional[threading.Thread] = None
    _cut: bool = False

    def begin(self, wanted: Sequence[Tuple[str, bool]]) -> None:
        """Pack these blobs in this order, up to the first that is not here."""
        self._thread = threading.Thread(target=self._run, args=(wanted,), name="feed stock", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait for it, and take away what it made. The shelf must be closed."""
        if self._thread is not None:
            self._thread.join()
            parcels.forget(self.root, list(self.shelf.wanted))

    def _run(self, wanted: Sequence[Tuple[str, bool]]) -> None:
        try:
            for place, data in enumerate(fill(self._pieces(wanted), ZLIB)):
                name = name_of(data)
                if self._cut or self.shelf.named(place) != name:
                    return
                self.shelf.put(name, data, OWN)
                self.made(name)
        except AgentError:
            pass  # of a disk that is full or a blob that is damaged: the others get it from the operator
        finally:
            self.ended()

    def _pieces(self, wanted: Sequence[Tuple[str, bool]]) -> Iterator[bytes]:
        for digest, executable in wanted:
            data = self._read(digest, executable)
            if data is None:
                self._cut = True  # the parcel that is open is not the one that the operator makes
                return
            yield from whole(digest, executable, data)

    def _read(self, digest: str, executable: bool) -> Optional[bytes]:
        try:
            return self.root.read(f"{FOLDER}/{path_of(digest, executable)}", MOST_BLOB_BYTES)
        except AgentError:
            return None
