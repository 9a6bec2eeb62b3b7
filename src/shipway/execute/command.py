"""An open channel, a command line and somebody's streams in, the command's exit code out: run by the agent in the release that serves."""

from __future__ import annotations

import asyncio
import math
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from shipway.execute.fleet import Fleet
from shipway.execute.let_go import let_go
from shipway.model.errors import HostError
from shipway.model.streams import Size, Streams
from shipway_agent.command import WINDOW_BYTES


async def run_command(fleet: Fleet, host: str, argv: Sequence[str], streams: Streams, *, process: str | None, who: str) -> int:
    """Run it to its end, however long that takes: its exit code, or 128 and the signal that ended it, as a shell has it.

    A command is not run again over a new channel: raises HostRefused, LinkLost (it was ended with its channel), Unreachable.
    """
    frames: asyncio.Queue[bytes] = asyncio.Queue()
    shown: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
    room = _Room()

    async def body() -> AsyncIterator[bytes]:
        while True:
            yield await frames.get()

    async def typing() -> None:
        async for one in streams.typed():
            frames.put_nowait(_frame(one))
            if isinstance(one, bytes):
                await room.take(len(one))
        frames.put_nowait(b"e")

    async def showing() -> None:
        while True:
            stream, data = await shown.get()
            await streams.show(stream, data)
            frames.put_nowait(b"a" + len(data).to_bytes(4, "big"))
            shown.task_done()

    def on_event(event: Mapping[str, Any]) -> None:
        if event.get("event") == "taken" and isinstance(event.get("bytes"), int):
            room.give(event["bytes"])
        if event.get("event") == "bytes":
            shown.put_nowait((2 if event.get("stream") == 2 else 1, b64decode(str(event.get("data", "")))))

    terminal = streams.terminal
    args: dict[str, Any] = {"argv": list(argv), "process": process, "who": who, "terminal": None}
    if terminal is not None:
        args["terminal"] = {"rows": terminal.size.rows, "columns": terminal.size.columns, "term": terminal.kind}
    tasks = [asyncio.ensure_future(typing()), asyncio.ensure_future(showing())]
    try:
        answer = await fleet.call(host, "exec", args, body=body, on_event=on_event, timeout_seconds=math.inf, again=False)
        await shown.join()
    finally:
        await let_go(tasks)
    code = answer.get("exit")
    if not isinstance(code, int):
        raise HostError(host, "facts", "the answer to 'exec' is not as it must be")
    return code if code >= 0 else 128 - code


class _Room:
    """How many bytes are under way that the command has not read: more than WINDOW_BYTES are waited for."""

    def __init__(self) -> None:
        self._untaken = 0
        self._changed = asyncio.Event()

    async def take(self, count: int) -> None:
        self._untaken += count
        while self._untaken > WINDOW_BYTES:
            self._changed.clear()
            await self._changed.wait()

    def give(self, count: int) -> None:
        self._untaken -= count
        self._changed.set()


def _frame(typed: bytes | Size) -> bytes:
    if isinstance(typed, Size):
        return b"s" + typed.rows.to_bytes(2, "big") + typed.columns.to_bytes(2, "big")
    return b"d" + typed
