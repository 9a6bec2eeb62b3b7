"""An address in, an open HTTP/1.1 connection out. It never retries; an answer that is not whole is an error that says where it ended."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Lost(Exception):
    """The request has no whole answer: the message says at which point the connection failed and how."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect, and the name to ask for in `Host`; over TLS where `authority` is the file of whom to trust for that name."""

    host: str
    port: int
    name: str
    authority: str = ""

    @classmethod
    def parse(cls, text: str, name: str | None = None, authority: str = "") -> Address:
        """From `host:port` or `http://host:port`. Raises ValueError."""
        host, _, port = text.removeprefix("http://").rstrip("/").rpartition(":")
        return cls(host.strip("[]"), int(port), name or f"{host}:{port}", authority)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One TCP connection. `open` says whether the server has left it usable; only a connection that it closed while idle is replaced."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: Address) -> None:
        self._reader = reader
        self._writer = writer
        self._address = address
        self._keep = True

    @classmethod
    async def connect(cls, address: Address) -> Connection:
        """Raises Lost when the connection is refused."""
        try:
            secure: dict[str, Any] = {"ssl": _trusting(address.authority), "server_hostname": address.name} if address.authority else {}
            reader, writer = await asyncio.open_connection(address.host, address.port, **secure)
        except OSError as error:
            raise Lost(f"connect: {_said(error)}") from None
        return cls(reader, writer, address)

    @property
    def open(self) -> bool:
        return self._keep and not self._reader.at_eof() and not self._writer.is_closing()

    def close(self) -> None:
        self._writer.close()

    async def ask(self, method: str, target: str, *, body: Iterable[bytes] = (), size: int = 0, pause: float = 0.0) -> Answer:
        """Send a request and read its answer to the end. The body goes out in pieces, `pause` seconds apart. Raises Lost."""
        head = [f"{method} {target} HTTP/1.1", f"Host: {self._address.name}"]
        if size:
            head.append(f"Content-Length: {size}")
        await self._send("\r\n".join([*head, "", ""]).encode("ascii"))
        for piece in body:
            await self._send(piece)
            await asyncio.sleep(pause)
        status, headers = await self._head()
        return Answer(status, headers, b"".join([piece async for piece in self._body(status, headers)]))

    async def upgrade(self, target: str) -> tuple[int, dict[str, str]]:
        """Ask for a WebSocket. Raises Lost, also when the server's accept is not the one of our key."""
        key = base64.b64encode(os.urandom(16))
        lines = [f"GET {target} HTTP/1.1", f"Host: {self._address.name}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key.decode('ascii')}", "Sec-WebSocket-Version: 13", "", ""]
        await self._send("\r\n".join(lines).encode("ascii"))
        status, headers = await self._head()
        wanted = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest()).decode("ascii")
        if status == 101 and headers.get("sec-websocket-accept") != wanted:
            raise Lost("head: the server accepted another WebSocket than ours")
        return status, headers

    async def send_frame(self, code: int, payload: bytes) -> None:
        """Send a frame of a client: whole, masked, up to 125 bytes. Raises Lost."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        await self._send(bytes([0x80 | code, 0x80 | len(payload)]) + mask + masked)

    async def read_frame(self) -> tuple[int, bytes]:
        """A server's frame: its code and its payload. Raises Lost when the connection ends first."""
        try:
            first, size = await self._reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self._reader.readexactly(2), "big")
            return first & 0x0F, await self._reader.readexactly(size)
        except (OSError, EOFError) as error:
            _lost("frame", error)

    async def _send(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            _lost("send", error)

    async def _head(self) -> tuple[int, dict[str, str]]:
        try:
            text = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (OSError, EOFError) as error:
            _lost("head", error)
        first, *lines = text.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        if headers.get("connection", "").lower() == "close":
            self._keep = False
        return int(first.split(" ")[1]), headers

    async def _body(self, status: int, headers: dict[str, str]) -> AsyncIterator[bytes]:
        try:
            if headers.get("transfer-encoding", "").lower() == "chunked":
                while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
                    yield (await self._reader.readexactly(size + 2))[:-2]
                await self._reader.readexactly(2)
            elif "content-length" in headers:
                yield await self._reader.readexactly(int(headers["content-length"]))
            elif status not in (101, 204, 304):
                self._keep = False
                yield await self._reader.read()
        except (OSError, EOFError, ValueError) as error:
            _lost("body", error)


@cache
def _trusting(authority: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)


def _lost(where: str, error: Exception) -> NoReturn:
    raise Lost(f"{where}: {_said(error)}") from None


def _said(error: Exception) -> str:
    if isinstance(error, asyncio.IncompleteReadError):
        return f"the server closed the connection after {len(error.partial)} bytes"
    return f"{type(error).__name__}: {error}"
