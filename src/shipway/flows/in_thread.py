"""Work that blocks in, its answer out: it is done in a thread, and whoever interrupts it waits until it has stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T], stop: Event) -> T:
    """What `work` answers or raises. An interruption sets `stop`, which the work looks at, and goes on once it has ended."""
    running = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.gather(running, return_exceptions=True)
        raise
