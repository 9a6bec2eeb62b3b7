"""A member among honest ones that is not what it should be: it has the keys of the deployment, and passes on nothing good."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from shipway.model.errors import LinkLost
from shipway.model.intent import Host
from shipway.transports.base import Channel, End
from shipway_agent.body import Body
from shipway_agent.feed import orders
from shipway_agent.feed.credentials import Credentials, giving
from shipway_agent.feed.give import Giver
from shipway_agent.feed.shelf import Shelf
from shipway_agent.feed.store import Parcels
from shipway_agent.root import Root

LIES, SILENT, REFUSES, DIES = "lies", "silent", "refuses", "dies"


class Liar(Parcels):
    """Passes on what has the right size and is something else."""

    def has(self, digest: str) -> bool:
        return Parcels(self.root).has(digest)

    def read(self, digest: str) -> bytes:
        return bytes(len(super().read(digest)))


class Mole:
    """A Transport and its one Channel: `behaviour` is what others meet that dial it."""

    def __init__(self, place: Path, behaviour: str) -> None:
        self._root = Root(str(place), create=True)
        self._behaviour = behaviour
        self._open = contextlib.ExitStack()
        self.bytes_sent = 0
        self.took_login = True
        self.host = Host("", "")

    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> Channel:
        self.host = host
        return self

    async def log_in(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> End:
        """It lets everybody in."""
        return asyncio.sleep(0)

    async def close(self) -> None:
        self._open.close()

    async def call(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        *,
        body: AsyncIterator[bytes] | None = None,
        on_event: Callable[[Mapping[str, Any]], None] | None = None,
        timeout_seconds: float = 30.0,
    ) -> dict[str, Any]:
        assert name == "feed" and args is not None and body is not None and on_event is not None
        loop, hear = asyncio.get_running_loop(), on_event
        shelf = Shelf(Liar(self._root))
        hear({"event": "listening", "port": self._listen(shelf, args), "why": "", "seen": ""})
        said, died = Body(), asyncio.Event()

        def obey() -> None:
            for order in orders.read(said):
                if isinstance(order, orders.Want):
                    shelf.want(order.parcels, last=order.last)
                if isinstance(order, orders.Content):
                    shelf.put(order.digest, order.data, "")
                    if self._behaviour == DIES:
                        loop.call_soon_threadsafe(died.set)
                    else:
                        loop.call_soon_threadsafe(hear, {"event": "taken", "parcel": order.digest})
                        loop.call_soon_threadsafe(hear, {"event": "whole"})

        thread = threading.Thread(target=obey)
        thread.start()
        try:
            reading = asyncio.ensure_future(self._pass_on(body, said))
            dying = asyncio.ensure_future(died.wait())
            await asyncio.wait((reading, dying), return_when=asyncio.FIRST_COMPLETED)
            if died.is_set():
                reading.cancel()
                self._open.close()
                raise LinkLost(self.host.name, "lost", "the host lost its power")
            dying.cancel()
        finally:
            said.feed(b"")
            await asyncio.to_thread(thread.join)
        return {"operator": sum(shelf.came.values()), "peers": {}, "lied": [], "unreached": [], "whole": True}

    async def _pass_on(self, body: AsyncIterator[bytes], said: Body) -> None:
        async for part in body:
            self.bytes_sent += len(part)
            await asyncio.to_thread(said.feed, part)

    def _listen(self, shelf: Shelf, args: Mapping[str, Any]) -> int:
        if self._behaviour in (LIES, DIES):
            giver = Giver(shelf, giving(Credentials.read(args["credentials"]), self._root), 16, 1000)
            self._open.callback(giver.close)
            return giver.listen("127.0.0.1")
        silent = self._open.enter_context(socket.create_server(("127.0.0.1", 0)))
        port: int = silent.getsockname()[1]
        if self._behaviour == REFUSES:
            silent.close()
        return port
