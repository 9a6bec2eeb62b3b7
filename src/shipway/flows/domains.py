"""An environment in; out, what its domains and the addresses of its hosts resolve to on this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping

from shipway.model.errors import Unreachable
from shipway.model.intent import Environment, Host
from shipway.transports.ssh_command import ssh_destination

RESOLVE_SECONDS = 10.0
"""Bound of all questions together; what has no answer by then has no address."""


async def resolved(environment: Environment) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
    """Addresses by domain, and by host. Nothing is asked where no host is reached over ssh: nobody's DNS names a root on this machine."""
    names = {host.name: name for host in environment.hosts if (name := _name(host))}
    if not environment.domains or not names:
        return {}, {}
    found = await _addresses([*environment.domains, *names.values()])
    return {domain: found[domain] for domain in environment.domains}, {host: found[name] for host, name in names.items()}


def _name(host: Host) -> str:
    """What a host is called to the resolver, "" for a root on this machine. A name of ssh_config alone has no address."""
    if host.address == "local":
        return ""
    try:
        destination = ssh_destination(host)
    except Unreachable:
        return ""
    name = destination.removeprefix("ssh://").rpartition("@")[2]
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0] if destination.startswith("ssh://") else name


async def _addresses(names: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    async def one(name: str) -> tuple[str, tuple[str, ...]]:
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError):
            return name, ()
        return name, tuple(dict.fromkeys(str(where[0]) for *_, where in found))

    return dict(await asyncio.gather(*(one(name) for name in dict.fromkeys(names))))
