"""A host in, the transport that reaches it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shipway.model.intent import Host
from shipway.transports.base import Transport

if TYPE_CHECKING:
    import asyncio

    from shipway.transports.passing import Passing


def transports(count: int, leave: asyncio.Event | None = None) -> Callable[[Host], Transport]:
    """For a fleet of `count` hosts, of which those that lack the agent pass it on to each other.

    Until `leave` is set nothing is made on them.
    """
    if count < 2:
        return lambda host: transport_for(host, leave=leave)
    from shipway.transports.passing import Passing

    passing = Passing()

    def shared(host: Host) -> Transport:
        return transport_for(host, passing, leave)

    return shared


def transport_for(host: Host, passing: Passing | None = None, leave: asyncio.Event | None = None) -> Transport:
    """`local` for a root on this machine, else the user's own ssh."""
    if host.address == "local":
        from shipway.transports.local import LocalTransport

        return LocalTransport(leave)
    from shipway.transports.ssh import SshTransport

    return SshTransport(passing, leave)
