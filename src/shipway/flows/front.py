"""An intent and the platforms of hosts in, what their front doors need out: which serve, and the Caddy binary that travels to each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from shipway.cache import cache_directory
from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.plan.runtimes.process import fits
from shipway.transports import caddy


def serving(intent: Intent) -> frozenset[str]:
    """Hosts whose proxy takes requests: all of them for static files, else those with a process that listens."""
    shipment = intent.shipment
    hosts = intent.environment.hosts
    if shipment.static is not None:
        return frozenset(host.name for host in hosts)
    return frozenset(host.name for host in hosts if any(p.listens is not None and fits(p.roles, host) for p in shipment.processes))


def caddy_here(intent: Intent) -> Path | None:
    """The Caddy that came with this installation; None where nothing serves. Raises Refused when it is missing."""
    return caddy.binary() if serving(intent) else None


class Caddies:
    """Caddy for each host that serves and has none yet, of the platform that the host itself names: known once the hosts have been read.

    A proxy that is there keeps the binary that it has, whoever's application brought it.
    """

    def __init__(self, intent: Intent, tell: Tell) -> None:
        self._serving = serving(intent)
        self._tell = tell
        self.by_host: dict[str, tuple[str, Path]] = {}

    @property
    def digests(self) -> dict[str, str]:
        """What the planner is told, by host."""
        return {host: digest for host, (digest, _) in self.by_host.items()}

    async def learn(self, fleet: Fleet, facts: Mapping[str, HostFacts]) -> None:
        """Have one for every platform. Raises Refused (caddy-missing, caddy-platform) where none can be had."""
        place = cache_directory()
        for name in sorted(name for name in self._serving & set(facts) if facts[name].proxy.binary is None):
            platform = facts[name].hello.platform
            if caddy.must_be_fetched(platform, place):
                self._tell("waiting", host=name, what=f"Caddy for {platform} to be fetched", bound_seconds=caddy.FETCH_SECONDS)
            path = await asyncio.to_thread(caddy.binary, platform, place)
            self.by_host[name] = await asyncio.to_thread(caddy.digest, path, place / f"caddy-{platform}.json"), path
