"""`$PORT` or `$SOCKET` in, HTTP out: the web application that tests and the demo deploy. Standard library only, Python 3.9.

What it says it is stands in the file VERSION beside it; how it fails stands in behaviour.json beside it, or as the same JSON
in the variable SAMPLE_BEHAVIOUR:

    {"start": "never"}               says why and exits with 3 before it listens
    {"start_seconds": n}             listens n seconds after it was started
    {"die_after_seconds": n}         exits with 1 n seconds after it began to listen
    {"health": "never"}              /up answers 503 from the beginning
    {"sick_after_seconds": n}        /up answers 503 from n seconds after the first request for another page (so: after it went live)
    {"term": "ignore"}               SIGTERM does nothing

Pages: /  /up  /version  /slow?seconds=5  /upload (POST)  /stream?chunks=20&seconds=2  /ws (a WebSocket that echoes).
Every answer carries X-Version. SIGTERM: no new connections, requests in flight finish, WebSockets are closed with 1001.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HERE = Path(__file__).resolve().parent
GRACE_SECONDS = 60.0
PAGE = """<!doctype html><title>version {version}</title>
<body style="margin: 0; height: 100vh; display: grid; place-items: center; font: 6vw system-ui; background: hsl({hue} 60% 85%)">
<p>version {version}<br><small style="font-size: 2vw">process {pid}</small></p>
"""
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def main() -> int:
    """Serve until SIGTERM; the answer is the exit code."""
    behaviour = read_behaviour()
    if behaviour.get("start") == "never":
        print("sample: cannot start: behaviour.json says so", file=sys.stderr, flush=True)
        return 3
    time.sleep(float(behaviour.get("start_seconds", 0)))
    return asyncio.run(Sample(read_version(), behaviour).serve())


def read_version() -> str:
    return (HERE / "VERSION").read_text(encoding="utf-8").strip()


def read_behaviour() -> dict[str, Any]:
    given = os.environ.get("SAMPLE_BEHAVIOUR")
    if given is not None:
        return dict(json.loads(given))
    try:
        return dict(json.loads((HERE / "behaviour.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


class Request:
    """One request: its head, and the connection to read its body from."""

    def __init__(
        self, method: str, target: str, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        parts = urlsplit(target)
        self.method = method
        self.path = parts.path
        self.query = dict(parse_qsl(parts.query))
        self.headers = headers
        self.reader = reader
        self.writer = writer

    async def body(self) -> tuple[int, str]:
        """The body read to its end: its length in bytes and its SHA-256."""
        digest, length = hashlib.sha256(), 0
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while True:
                size = int((await self.reader.readline()).split(b";")[0], 16)
                chunk = await self.reader.readexactly(size + 2)
                if size == 0:
                    break
                digest.update(chunk[:-2])
                length += size
        else:
            left = int(self.headers.get("content-length", "0"))
            while left:
                chunk = await self.reader.read(min(left, 1 << 16))
                if not chunk:
                    raise ConnectionError("the body ended early")
                digest.update(chunk)
                length += len(chunk)
                left -= len(chunk)
        return length, digest.hexdigest()


class Sample:
    """The application: one version with one behaviour."""

    def __init__(self, version: str, behaviour: dict[str, Any]) -> None:
        self.version = version
        self.behaviour = behaviour
        self.live_since: float | None = None
        self.ending = False
        self.idle: set[asyncio.StreamWriter] = set()
        self.websockets: set[asyncio.StreamWriter] = set()
        self.connections: set[asyncio.Task[None]] = set()
        self.pages: dict[str, Callable[[Request], Awaitable[bool]]] = {
            "/": self.home,
            "/up": self.up,
            "/version": self.say_version,
            "/slow": self.slow,
            "/upload": self.upload,
            "/stream": self.stream,
            "/ws": self.websocket,
        }

    async def serve(self) -> int:
        """Listen, and serve until SIGTERM or until the behaviour says to die."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        if self.behaviour.get("term") == "ignore":
            loop.add_signal_handler(signal.SIGTERM, lambda: None)
        else:
            loop.add_signal_handler(signal.SIGTERM, ended.set)
        if "SOCKET" in os.environ:
            path = os.environ["SOCKET"]
            Path(path).unlink(missing_ok=True)
            server = await asyncio.start_unix_server(self.connect, path, backlog=512)
        else:
            server = await asyncio.start_server(self.connect, "127.0.0.1", int(os.environ["PORT"]), backlog=512)
        print(f"sample {self.version} listens", flush=True)
        await asyncio.wait({loop.create_task(ended.wait())}, timeout=self.behaviour.get("die_after_seconds"))
        if not ended.is_set():
            print("sample: dies as behaviour.json says", file=sys.stderr, flush=True)
            os._exit(1)
        self.ending = True
        server.close()
        for writer in self.idle:
            writer.close()
        for writer in self.websockets:
            writer.write(frame(8, (1001).to_bytes(2, "big")))
        if self.connections:
            await asyncio.wait(self.connections, timeout=GRACE_SECONDS)
        return 0

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        try:
            while await self.serve_one(reader, writer) and not self.ending:
                pass
        except (OSError, EOFError, ValueError):
            pass  # the client went away, or speaks nonsense: nobody is left to tell
        finally:
            self.connections.discard(task)
            writer.close()

    async def serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one request and answer it; whether the connection may carry another."""
        self.idle.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        finally:
            self.idle.discard(writer)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        request = Request(method, target, headers, reader, writer)
        if request.path != "/up" and self.live_since is None:
            self.live_since = time.monotonic()
        page = self.pages.get(request.path)
        if page is None:
            await request.body()
            return await self.answer(request, 404, b"no such page\n")
        return await page(request) and headers.get("connection", "").lower() != "close"

    async def answer(self, request: Request, status: int, body: bytes, kind: str = "text/plain") -> bool:
        close = "Connection: close\r\n" if self.ending else ""
        head = f"HTTP/1.1 {status} .\r\nContent-Type: {kind}\r\nX-Version: {self.version}\r\nContent-Length: {len(body)}\r\n{close}\r\n"
        request.writer.write(head.encode("ascii") + (b"" if request.method == "HEAD" else body))
        await request.writer.drain()
        return not self.ending

    async def home(self, request: Request) -> bool:
        await request.body()
        hue = int(hashlib.sha256(self.version.encode()).hexdigest(), 16) % 360
        page = PAGE.format(version=html.escape(self.version), hue=hue, pid=os.getpid())
        return await self.answer(request, 200, page.encode(), "text/html; charset=utf-8")

    async def say_version(self, request: Request) -> bool:
        said = {"version": self.version, "pid": os.getpid(), "generation": os.environ.get("SHIPWAY_GENERATION", "")}
        return await self.answer(request, 200, json.dumps(said).encode(), "application/json")

    async def up(self, request: Request) -> bool:
        sick_after = self.behaviour.get("sick_after_seconds")
        sick = sick_after is not None and self.live_since is not None and time.monotonic() - self.live_since >= sick_after
        if sick or self.behaviour.get("health") == "never":
            return await self.answer(request, 503, b"sick\n")
        return await self.answer(request, 200, b"ok\n")

    async def slow(self, request: Request) -> bool:
        await asyncio.sleep(float(request.query.get("seconds", "5")))
        return await self.answer(request, 200, f"slept, version {self.version}\n".encode())

    async def upload(self, request: Request) -> bool:
        length, digest = await request.body()
        said = {"bytes": length, "sha256": digest, "version": self.version}
        return await self.answer(request, 200, json.dumps(said).encode(), "application/json")

    async def stream(self, request: Request) -> bool:
        """A chunk at a time, each with its number and the version, evenly over `seconds`."""
        chunks, seconds = int(request.query.get("chunks", "20")), float(request.query.get("seconds", "2"))
        head = f"HTTP/1.1 200 .\r\nContent-Type: text/plain\r\nX-Version: {self.version}\r\nTransfer-Encoding: chunked\r\n\r\n"
        request.writer.write(head.encode("ascii"))
        for number in range(chunks):
            await asyncio.sleep(seconds / chunks)
            line = f"{number} {self.version}\n".encode()
            request.writer.write(b"%x\r\n%s\r\n" % (len(line), line))
            await request.writer.drain()
        request.writer.write(b"0\r\n\r\n")
        await request.writer.drain()
        return not self.ending

    async def websocket(self, request: Request) -> bool:
        """Echo text frames until either side closes."""
        key = request.headers.get("sec-websocket-key", "").encode("ascii")
        accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest()).decode("ascii")
        head = f"HTTP/1.1 101 .\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
        request.writer.write(f"{head}X-Version: {self.version}\r\n\r\n".encode("ascii"))
        self.websockets.add(request.writer)
        try:
            while True:
                code, payload = await read_frame(request.reader)
                if code == 8:
                    if not self.ending:
                        request.writer.write(frame(8, payload[:2]))
                        await request.writer.drain()
                    return False
                if code == 9:
                    request.writer.write(frame(10, payload))
                if code == 1:
                    request.writer.write(frame(1, self.version.encode() + b" " + payload))
                await request.writer.drain()
        finally:
            self.websockets.discard(request.writer)


def frame(code: int, payload: bytes) -> bytes:
    """A frame of a server: whole, unmasked."""
    size = len(payload)
    head = bytes([0x80 | code, size]) if size < 126 else bytes([0x80 | code, 126]) + size.to_bytes(2, "big")
    return head + payload


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """A client's frame: its code and its payload, unmasked."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    elif size == 127:
        size = int.from_bytes(await reader.readexactly(8), "big")
    mask = await reader.readexactly(4)
    payload = await reader.readexactly(size)
    return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


if __name__ == "__main__":
    sys.exit(main())
