"""Bare hosts of one fleet in, who gets the agent from here out, and where the others get it: it leaves this machine once for many.

The first that lacks it is sent it, stores it, and gives it to whoever says this fleet's token, for some seconds (shipway_agent/arrive.py).
The others compare what they get with the hash that came over ssh. Who is not given it, or gets anything else, is sent it from here.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from shipway_agent.record import dataclass

EACH = 32
"""Hosts that have it from one: itself, and those that it gives it to."""

WAIT_SECONDS = 6.0
"""How long a host waits for another to have it; a login is bounded by 20 s."""


@dataclass(frozen=True, slots=True)
class Source:
    """A host that gives the agent away."""

    addresses: tuple[str, ...]
    port: int


class Turn:
    """One bare host. A `first` is sent the agent from here, and says by `gives` that it passes it on; others get it from `source()`."""

    def __init__(self, first: bool, source: asyncio.Future[Source | None]) -> None:
        self.first = first
        self._source = source

    def gives(self, source: Source) -> None:
        """From now on the others may have it from there."""
        if not self._source.done():
            self._source.set_result(source)

    async def source(self) -> Source | None:
        """None where nobody passes it on."""
        if self.first:
            return None
        await asyncio.wait((self._source,), timeout=WAIT_SECONDS)
        return self._source.result() if self._source.done() else None


class Passing:
    """What the logins to one fleet share."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(16)
        self._turns = 0
        self._source: asyncio.Future[Source | None] | None = None

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """For a host that lacks the agent, as long as it takes to get it there. Whoever waits for one that fails waits no longer."""
        first = self._turns % EACH == 0
        self._turns += 1
        if first or self._source is None:
            self._source = asyncio.get_running_loop().create_future()
        source = self._source
        try:
            yield Turn(first, source)
        finally:
            if first and not source.done():
                source.set_result(None)
