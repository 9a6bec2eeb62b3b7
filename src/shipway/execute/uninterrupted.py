"""Work that must not be left half done in, its result out: an interruption waits for the end of it. What bounds the work bounds that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def to_its_end(work: Awaitable[T]) -> T:
    """Await `work`; behind its end, raises CancelledError when the caller was cancelled meanwhile."""
    interruptions: list[None] = []
    result = await undisturbed(work, lambda: interruptions.append(None))
    if interruptions:
        raise asyncio.CancelledError
    return result


async def undisturbed(work: Awaitable[T], on_interruption: Callable[[], None] = lambda: None) -> T:
    """Await `work` as if nobody interrupted; each interruption is told and comes too late."""
    task = asyncio.ensure_future(work)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                return task.result()
            on_interruption()
