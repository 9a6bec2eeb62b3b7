"""Tasks in, all of them ended out: nothing that was begun for a question runs on behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any


async def let_go(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel them, and return when each has ended. How it did is nobody's business any more."""
    pending = list(tasks)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


async def all_or_none(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Return when each has ended well. Raises what the first one raises, or an interruption, once the others are let go."""
    pending = list(tasks)
    try:
        await asyncio.gather(*pending)
    except BaseException:
        await let_go(pending)
        raise
