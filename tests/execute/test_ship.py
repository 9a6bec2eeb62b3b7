"""Only what a host lacks travels, once, and while it travels nothing else waits."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from shipway.execute.fleet import Fleet
from shipway.execute.ship import CHUNK_BYTES, ship
from shipway.execute.telling import Tell
from shipway.model.intent import Host


class Content:
    """Blobs named by what they hold, none of them a file of this machine."""

    def __init__(self, **blobs: bytes) -> None:
        self.blobs = blobs

    def wanted(self, host: str) -> Sequence[tuple[str, bool, int]]:
        return [(name, False, len(content)) for name, content in self.blobs.items()]

    def read(self, digests: Iterable[str]) -> Iterator[bytes]:
        return (self.blobs[name] for name in digests)

    def path(self, digest: str) -> str | None:
        return None


class Listener(Fleet):
    """A fleet whose one host lacks `lacking`, and takes a body without ever making anybody wait."""

    def __init__(self, *lacking: str) -> None:
        super().__init__([Host("a", "ann@a.example")], app="shop", environment="live", transport_for=lambda host: NotImplemented)
        self.lacking = lacking
        self.got = b""
        self.parts = 0

    async def call(
        self,
        name: str,
        call: str,
        args: Mapping[str, Any] | None = None,
        *,
        body: Callable[[], AsyncIterator[bytes]] | None = None,
        on_event: Callable[[Mapping[str, Any]], None] | None = None,
        timeout_seconds: float = 30.0,
        again: bool = True,
    ) -> dict[str, Any]:
        if call == "lack":
            return {"lacking": [[digest, False] for digest in self.lacking]}
        assert call == "put_many" and args is not None and body is not None
        async for part in body():
            self.got += part
            self.parts += 1
        return {"stored": len(args["blobs"])}


QUIET = Tell(lambda event: None, lambda: 0.0)


def test_only_what_the_host_lacks_travels() -> None:
    fleet = Listener("two")
    asyncio.run(ship(fleet, Content(one=b"1" * 100, two=b"2" * 100), QUIET, "a"))
    assert zlib.decompress(fleet.got) == b"2" * 100


def test_nothing_else_waits_while_much_is_compressed() -> None:
    """A renewal of the lease must get its turn: with compression on the loop, 18 MB kept it waiting for longer than a lease lasts."""
    content = random.Random(1).randbytes(8 * CHUNK_BYTES)
    fleet = Listener("big")
    turns = 0

    async def both() -> None:
        async def renew() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        renewing = asyncio.ensure_future(renew())
        await ship(fleet, Content(big=content), QUIET, "a")
        renewing.cancel()

    asyncio.run(both())
    assert zlib.decompress(fleet.got) == content
    assert turns >= 8
