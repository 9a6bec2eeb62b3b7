"""A host that is this machine in, a channel to its agent out: the same agent as over ssh, in a child process with its own root."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway.transports.base import Channel
from shipway.transports.bootstrap import STAGE, NoAgent, arrive
from shipway.transports.channel import FramedChannel
from shipway.transports.link import start

PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR", "SHIPWAY_BOOT_ID")
"""What of our environment a local agent sees: as much as a login over ssh would give it, and none of the operator's secrets."""


class LocalTransport:
    """Opens channels to roots on this machine, with this Python."""

    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> Channel:
        """Start an agent. Raises Unreachable: root, no-python, unreachable."""
        if not host.root:
            raise Unreachable(host.name, "root", 'a local host needs a root of its own: add root = "…" to it in shipway.toml')
        root = str(Path(host.root).expanduser().absolute())
        # It may outlive us: an agent ends the step it is in, journals it, and then goes.
        link = await start([sys.executable, "-I", "-S", "-c", STAGE], env=_environment(), kill=False)
        bound = asyncio.timeout(timeout_seconds)
        try:
            async with bound:
                await arrive(link, host, root=root, proxy=f"{root}/proxy")
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
        return FramedChannel(host, link)


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}
