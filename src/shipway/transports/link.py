"""A command in, two streams to it out: one child process, what it complains of kept, and an end that cannot hang."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence

from shipway.transports.child import Child, begin
from shipway_agent.text import last_lines

NOISE_BYTES = 64 * 1024
"""How much a login may write before our first line, and how much of a child's stderr is kept."""

CLOSE_SECONDS = 2.0
"""Bound of closing a link."""

_lingering: list[subprocess.Popen[bytes]] = []
"""Children that may outlive their link: a local agent ends its running step first. A later close takes note of their ends."""


class Link:
    """A running child: `reader` and `writer` are its stdout and stdin, `complaints()` what it wrote to stderr."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        errors: socket.socket,
        *,
        kill: bool,
    ) -> None:
        self._child = child
        self.reader, self.writer = reader, writer
        self._kill = kill
        self._errors = errors
        self._said = bytearray()
        self._listening = asyncio.ensure_future(self._listen())
        self.bytes_sent = 0

    @property
    def pid(self) -> int:
        """The child's."""
        return self._child.pid

    async def send(self, data: bytes) -> None:
        """Write all of `data`, waiting while the other end takes no more. Raises OSError when it is gone."""
        self.post(data)
        await self.writer.drain()

    def post(self, data: bytes) -> None:
        """Write `data` without waiting for room."""
        self.writer.write(data)
        self.bytes_sent += len(data)

    def complaints(self, count: int = 20) -> list[str]:
        """The last lines of stderr, safe to show."""
        return last_lines(bytes(self._said), count)

    async def ended(self, within_seconds: float) -> int | None:
        """The child's exit code (negative: the signal) with its stderr read to the end, or None when it still runs."""
        until = asyncio.get_running_loop().time() + within_seconds
        while self._child.poll() is None or not self._listening.done():
            if asyncio.get_running_loop().time() >= until:
                break
            await asyncio.sleep(0.005)
        return self._child.returncode

    async def close(self) -> None:
        """End the child: end of stdin, then (where killing is allowed) SIGTERM and SIGKILL to its group. Never raises."""
        if not self.writer.is_closing() and self.writer.can_write_eof():
            try:
                self.writer.write_eof()
            except OSError:
                pass  # the other end is gone already
        if await self.ended(CLOSE_SECONDS / 2) is None and self._kill:
            self._end(signal.SIGTERM)
            if await self.ended(CLOSE_SECONDS / 4) is None:
                self._end(signal.SIGKILL)
                await self.ended(CLOSE_SECONDS / 4)
        self.writer.transport.abort()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        _lingering[:] = [child for child in (*_lingering, self._child) if child.poll() is None]

    def cut(self) -> None:
        """Hear and say nothing more, at once."""
        self.writer.transport.abort()
        if self._kill:
            self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._child.poll() is None:
            try:
                os.killpg(self._child.pid, number)
            except ProcessLookupError:
                pass  # it ended between the two calls

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while part := await loop.sock_recv(self._errors, 16 * 1024):
                self._said += part
                del self._said[:-NOISE_BYTES]
                await asyncio.sleep(0)  # what is there already is read without a wait: one that never stops must not stop our clocks
        except OSError:
            pass  # a reset is an end like any other
        finally:
            self._errors.close()


async def start(argv: Sequence[str], *, env: Mapping[str, str], kill: bool) -> Link:
    """Start a child. Raises OSError. `kill` says whether closing the link may kill it."""
    return await adopt(begin(argv, env=env), kill=kill)


async def adopt(child: Child, *, kill: bool) -> Link:
    """A link to a child that runs already."""
    reader, writer = await asyncio.open_unix_connection(sock=child.stream, limit=NOISE_BYTES)
    return Link(child.process, reader, writer, child.errors, kill=kill)
