"""A host in, the name or IP address under which other hosts may find it out. Pure."""

from __future__ import annotations

from shipway.model.intent import Host


def found_at(host: Host) -> str:
    """Its `peer`, else the host part of its address; 127.0.0.1 for one that is this machine."""
    return host.peer or ("127.0.0.1" if host.address == "local" else host_part(host.address))


def dialled(name: str, port: int) -> str:
    """Name and port as one dials them: an IPv6 address is in brackets."""
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def host_part(address: str) -> str:
    """`deploy@10.0.0.1` and `ssh://deploy@10.0.0.1:22` name 10.0.0.1."""
    name = address.removeprefix("ssh://").split("/")[0].rpartition("@")[2]
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0] if name.count(":") == 1 else name
