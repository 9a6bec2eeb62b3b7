"""Work for many hosts in, the first failure or nothing out: every host passes, or nobody goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from shipway.execute.let_go import let_go
from shipway.model.errors import HostError

COMPANY_SECONDS = 2.0
"""How long after the first failure the others may still report theirs, so that one message names them all."""


class Broken(Exception):
    """Hosts that did not pass a barrier, and why."""

    def __init__(self, errors: dict[str, HostError]) -> None:
        super().__init__("; ".join(str(error) for error in errors.values()))
        self.errors = errors


async def together(work: Callable[[str], Awaitable[object]], hosts: Iterable[str]) -> None:
    """Run `work` for all hosts at once and return when the last has passed.

    Raises Broken with every error known COMPANY_SECONDS after the first; work that still runs then is no longer awaited.
    """
    tasks = {asyncio.ensure_future(work(name)): name for name in hosts}
    if not tasks:
        return
    try:
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        if pending:
            more, pending = await asyncio.wait(pending, timeout=COMPANY_SECONDS)
            done |= more
    except BaseException:
        await let_go(tasks)
        raise
    await let_go(pending)
    endings = {tasks[task]: None if task.cancelled() else task.exception() for task in done}
    for error in endings.values():
        if error is not None and not isinstance(error, HostError):
            raise error
    errors = {name: error for name, error in sorted(endings.items()) if isinstance(error, HostError)}
    if errors:
        raise Broken(errors)
