"""A host that is this machine in, a channel to its agent out: the same agent as over ssh, in a child process with its own root."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway.transports.base import Channel, End, open_and_ask
from shipway.transports.bootstrap import NoAgent, arrive, is_there
from shipway.transports.channel import FramedChannel
from shipway.transports.link import Link, start
from shipway.transports.stage import ISOLATED, STAGE

T = TypeVar("T")

PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR", "SHIPWAY_BOOT_ID")
"""What of our environment a local agent sees: as much as a login over ssh would give it, and none of the operator's secrets."""


class LocalTransport:
    """Opens channels to roots on this machine, with this Python. Until `leave` is set nothing is made where the agent lacks."""

    def __init__(self, leave: asyncio.Event | None = None) -> None:
        self._leave = leave

    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> Channel:
        """Start an agent. Raises Unreachable: root, no-python, unreachable."""
        root = _root(host)
        link, _ = await _started(
            host, timeout_seconds, lambda link, bound: arrive(link, host, root=root, proxy=f"{root}/proxy", leave=self._leave, bound=bound)
        )
        return FramedChannel(host, link)

    async def log_in(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> End:
        """A start that finds its agent and goes no further; where it finds none, one that brings it. Raises as `open` does."""
        root = _root(host)
        link, there = await _started(host, timeout_seconds, lambda link, bound: is_there(link, host, root=root, proxy=f"{root}/proxy"))
        if there:
            return link.close()
        await link.close()
        return await open_and_ask(self, host, app=app, environment=environment, timeout_seconds=timeout_seconds)


def _root(host: Host) -> str:
    if not host.root:
        raise Unreachable(host.name, "root", 'a local host needs a root of its own: add root = "…" to it in shipway.toml')
    return str(Path(host.root).expanduser().absolute())


async def _started(host: Host, timeout_seconds: float, greet: Callable[[Link, asyncio.Timeout], Awaitable[T]]) -> tuple[Link, T]:
    """A link to a new child, and what `greet` learnt over it. Raises Unreachable."""
    # It may outlive us: an agent ends the step it is in, journals it, and then goes.
    link = await start([sys.executable, *ISOLATED, "-c", STAGE], env=_environment(), kill=False)
    bound = asyncio.timeout(timeout_seconds)
    try:
        async with bound:
            return link, await greet(link, bound)
    except (NoAgent, OSError, TimeoutError) as error:
        if isinstance(error, TimeoutError) and not bound.expired():
            raise
        await link.close()
        said = "; ".join(link.complaints(3))
        reason = f"did not start within {timeout_seconds:g} s" if isinstance(error, TimeoutError) else "did not start"
        raise Unreachable(host.name, "unreachable", f"the agent {reason}: {said or error}", lines=link.complaints()) from None
    except BaseException:
        await link.close()
        raise


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}
