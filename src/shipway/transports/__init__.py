"""A host in, the transport that reaches it out."""

from __future__ import annotations

from shipway.model.intent import Host
from shipway.transports.base import Transport


def transport_for(host: Host) -> Transport:
    """`local` for a root on this machine, else the user's own ssh."""
    if host.address == "local":
        from shipway.transports.local import LocalTransport

        return LocalTransport()
    from shipway.transports.ssh import SshTransport

    return SshTransport()
