"""An intent in, what its front doors need out: which hosts serve, and the Caddy binary that travels to them."""

from __future__ import annotations

from pathlib import Path

from shipway.model.intent import Intent
from shipway.plan.runtimes.process import fits
from shipway.release.checkout import cache_directory
from shipway.transports import caddy


def serving(intent: Intent) -> frozenset[str]:
    """Hosts whose proxy takes requests: all of them for static files, else those with a process that listens."""
    shipment = intent.shipment
    hosts = intent.environment.hosts
    if shipment.static is not None:
        return frozenset(host.name for host in hosts)
    return frozenset(host.name for host in hosts if any(p.listens is not None and fits(p.roles, host) for p in shipment.processes))


def caddy_for(intent: Intent) -> tuple[str, Path] | None:
    """Digest and path of the Caddy that came with this installation; None where nothing serves. Raises Refused when it is missing."""
    if not serving(intent):
        return None
    path = caddy.binary()
    return caddy.digest(path, cache_directory() / "caddy.json"), path
