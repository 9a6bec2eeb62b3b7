"""Hosts that come one after the other in, for each the names of all that came with the same out: those can be served together."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable


class Company:
    """Waits for every host to come or to leave, and for none longer than `patience_seconds` after the first has come."""

    def __init__(self, names: Iterable[str], patience_seconds: float) -> None:
        self._awaited = set(names)
        self._patience_seconds = patience_seconds
        self._came: dict[str, Hashable] = {}
        self._closed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    async def of(self, name: str, brings: Hashable) -> tuple[str, ...]:
        """The hosts that came with this too, `name` among them, in order; none for a host that comes too late."""
        if self._closed.is_set():
            return ()
        self._came[name] = brings
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._patience_seconds, self._closed.set)
        self.leave(name)
        await self._closed.wait()
        return tuple(sorted(other for other, brought in self._came.items() if brought == brings))

    def leave(self, name: str) -> None:
        """Do not wait for this one (any more)."""
        self._awaited.discard(name)
        if not self._awaited:
            self._closed.set()
            if self._timer is not None:
                self._timer.cancel()
