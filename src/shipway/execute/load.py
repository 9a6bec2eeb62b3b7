"""Parcels as they are made in, the same parcels for every host out: each made once, when the first host asks for it."""

from __future__ import annotations

import asyncio
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from typing import IO

from shipway_agent.parcel import name_of

MEMORY_BYTES = 8 << 20
"""Parcels beyond that lie in a file without a name: memory does not grow with the release."""


class Load:
    """Parcels, in order. `make` is called once, with the first question; it runs in a thread, for it reads, compares and packs."""

    def __init__(self, make: Callable[[], Iterator[bytes]]) -> None:
        self._make = make
        self._making: Iterator[bytes] | None = None
        self._next: asyncio.Future[None] | None = None
        self._ended = False
        self._names: list[str] = []
        self._places: list[bytes | tuple[int, int]] = []
        self._held = 0
        self._file: IO[bytes] | None = None

    async def reaches(self, place: int) -> bool:
        """Whether there is a parcel at this place (from 0 on), once it is made. Raises what making it raises."""
        while len(self._names) <= place and not self._ended:
            if self._next is None or (self._next.done() and self._next.exception() is None):
                self._next = asyncio.ensure_future(asyncio.to_thread(self._go_on))
                self._next.add_done_callback(lambda made: made.cancelled() or made.exception())
            await asyncio.shield(self._next)  # others wait for the same one: whoever is cancelled does not end it
        return len(self._names) > place

    def name(self, place: int) -> str:
        """The digest of a parcel that was reached."""
        return self._names[place]

    def names(self) -> list[str]:
        """The digests of all that were reached so far."""
        return list(self._names)

    def data(self, place: int) -> bytes:
        """Its bytes. Raises OSError where the file cannot be read."""
        found = self._places[place]
        if isinstance(found, bytes):
            return found
        assert self._file is not None
        return os.pread(self._file.fileno(), found[1], found[0])

    def _go_on(self) -> None:
        """Make one more."""
        if self._making is None:
            self._making = self._make()
        data = next(self._making, None)
        if data is None:
            self._ended = True
            return
        self._places.append(self._put(data))
        self._names.append(name_of(data))

    def _put(self, data: bytes) -> bytes | tuple[int, int]:
        if self._held + len(data) <= MEMORY_BYTES:
            self._held += len(data)
            return data
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this
                weakref.finalize(self, self._file.close)
            place = self._file.seek(0, os.SEEK_END)
            self._file.write(data)
            self._file.flush()
        except OSError:
            return data  # no room: then it is memory after all
        return place, len(data)
