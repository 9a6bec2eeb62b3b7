"""An address in, one request's status and version out: the kinds of clients that a deployment must not disturb."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from load.connection import Address, Answer, Connection, Lost

UPLOAD_BYTES = 10_000_000
PIECE_BYTES = 1 << 16
SLOW_SECONDS = 5.0
STREAM_CHUNKS, STREAM_SECONDS = 20, 2.0
MESSAGES, MESSAGE_PAUSE_SECONDS = 15, 0.2
READING_SECONDS = 0.5
NAMED = re.compile(r'(?:src|href)="(/[^"]+)"')
"""Files that a page names."""


@dataclass(slots=True)
class Client:
    """One client of one kind. `page` is what the quick kinds ask for; the version is read from a header, else from the body."""

    address: Address
    page: str = "/"
    version_header: str = "x-version"
    version_pattern: re.Pattern[str] | None = None
    connection: Connection | None = field(default=None)

    def version(self, answer: Answer) -> str:
        said = answer.headers.get(self.version_header, "")
        if not said and self.version_pattern is not None:
            found = self.version_pattern.search(answer.body.decode("utf-8", "replace"))
            said = found.group(1) if found else ""
        return said


Said = tuple[int, str]
"""Status and version of an answer that is as it should be."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`visit` makes one request, or raises Lost or Wrong. `clients` run at once for each address, with a pause between requests."""

    visit: Callable[[Client], Awaitable[Said]]
    clients: int
    pause_seconds: float


class Wrong(Exception):
    """An answer came, and it is not the one that it should be."""

    def __init__(self, said: Said, message: str) -> None:
        super().__init__(message)
        self.status, self.version = said


async def keep_alive(client: Client) -> Said:
    """A GET on a connection that is kept. One closed while it was idle is replaced; one that breaks under a request is a loss."""
    if client.connection is None or not client.connection.open:
        if client.connection is not None:
            client.connection.close()
        client.connection = await Connection.connect(client.address)
    connection, client.connection = client.connection, None
    try:
        answer = await connection.ask("GET", client.page)
    except BaseException:
        connection.close()
        raise
    client.connection = connection
    return _good(client, answer)


async def fresh(client: Client) -> Said:
    """A GET on a new connection."""
    return _good(client, await _once(client, "GET", client.page))


async def slow(client: Client) -> Said:
    """A request that takes the server 5 s."""
    return _good(client, await _once(client, "GET", f"/slow?seconds={SLOW_SECONDS:g}"))


async def upload(client: Client) -> Said:
    """10 MB up over about a second; the server must have got these very bytes."""
    pieces, digest = _content()
    connection = await Connection.connect(client.address)
    try:
        answer = await connection.ask("POST", "/upload", body=pieces, size=UPLOAD_BYTES, pause=1.0 / len(pieces))
    finally:
        connection.close()
    said = _good(client, answer)
    got = json.loads(answer.body)
    if (got["bytes"], got["sha256"]) != (UPLOAD_BYTES, digest):
        raise Wrong(said, f"the server got {got['bytes']} bytes that are not ours")
    return said


async def stream(client: Client) -> Said:
    """A chunked answer over 2 s; every chunk must be there, all of one version."""
    answer = await _once(client, "GET", f"/stream?chunks={STREAM_CHUNKS}&seconds={STREAM_SECONDS:g}")
    said = _good(client, answer)
    if answer.body.decode("ascii").splitlines() != [f"{number} {said[1]}" for number in range(STREAM_CHUNKS)]:
        raise Wrong(said, f"the stream is not whole: {answer.body[-60:]!r}")
    return said


async def websocket(client: Client) -> Said:
    """A WebSocket that says 15 things in 3 s, hears each, and says goodbye."""
    connection = await Connection.connect(client.address)
    try:
        status, headers = await connection.upgrade("/ws")
        said = (status, headers.get(client.version_header, ""))
        if status != 101:
            raise Wrong(said, f"status {status}")
        for number in range(MESSAGES):
            await connection.send_frame(1, b"%d" % number)
            code, payload = await connection.read_frame()
            if (code, payload) != (1, f"{said[1]} {number}".encode()):
                raise Wrong(said, f"message {number} was answered with frame {code}, {payload[:60]!r}")
            await asyncio.sleep(MESSAGE_PAUSE_SECONDS)
        await connection.send_frame(8, (1000).to_bytes(2, "big"))
        code, _ = await connection.read_frame()
        if code != 8:
            raise Wrong(said, f"goodbye was answered with frame {code}")
        return said
    finally:
        connection.close()


async def page(client: Client) -> Said:
    """A page on a new connection and, a moment later, each file that it names: all must be there, and say the version of the page."""
    answer = await _once(client, "GET", client.page)
    said = _good(client, answer)
    for name in NAMED.findall(answer.body.decode("utf-8", "replace")):
        await asyncio.sleep(random.uniform(0.0, READING_SECONDS))  # a reader's pause
        of_it = _good(client, await _once(client, "GET", name))
        if of_it[1] != said[1]:
            raise Wrong(of_it, f"{name} of version {said[1]} came from version {of_it[1]}")
    return said


KINDS: Mapping[str, Kind] = {
    "keep-alive": Kind(keep_alive, clients=6, pause_seconds=0.03),
    "fresh": Kind(fresh, clients=4, pause_seconds=0.04),
    "slow": Kind(slow, clients=4, pause_seconds=0.0),
    "upload": Kind(upload, clients=1, pause_seconds=0.1),
    "stream": Kind(stream, clients=2, pause_seconds=0.0),
    "websocket": Kind(websocket, clients=2, pause_seconds=0.0),
}
"""The mix: about 250 quick requests a second for each address, and requests of every length in flight at any moment."""


MORE: Mapping[str, Kind] = {"page": Kind(page, clients=6, pause_seconds=0.02)}
"""Kinds that are not in the mix, for a server that has pages for them."""


@cache
def _content() -> tuple[tuple[bytes, ...], str]:
    """What an upload sends, in pieces, and its SHA-256."""
    content = (bytes(range(256)) * (UPLOAD_BYTES // 256 + 1))[:UPLOAD_BYTES]
    pieces = tuple(content[at : at + PIECE_BYTES] for at in range(0, UPLOAD_BYTES, PIECE_BYTES))
    return pieces, hashlib.sha256(content).hexdigest()


async def _once(client: Client, method: str, target: str) -> Answer:
    connection = await Connection.connect(client.address)
    try:
        return await connection.ask(method, target)
    finally:
        connection.close()


def _good(client: Client, answer: Answer) -> Said:
    said = (answer.status, client.version(answer))
    if answer.status != 200:
        raise Wrong(said, f"status {answer.status}: {answer.body[:80].decode('utf-8', 'replace')}")
    return said


__all__ = ["KINDS", "MORE", "Client", "Kind", "Lost", "Wrong"]
