"""The address of a slot in ("127.0.0.1:8000", "unix//run/s/42-web.1"), its port or its path out. Pure."""

from __future__ import annotations

from shipway_agent.typed import Optional

LOOPBACK = "127.0.0.1"


def of_port(port: int) -> str:
    """The address of a process that listens on this TCP port of 127.0.0.1."""
    return f"{LOOPBACK}:{port}"


def of_socket(path: str) -> str:
    """The address of a process that listens on this UNIX socket; `path` is absolute."""
    return f"unix/{path}"


def port_of(address: str) -> Optional[int]:
    """The TCP port of an address, None for a UNIX socket. Raises ValueError for what is neither."""
    if address.startswith("unix/"):
        return None
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"not an address: {address!r}")
    return int(port)


def path_of(address: str) -> Optional[str]:
    """The path of a UNIX socket's address, None for a port."""
    return address[len("unix/") :] if address.startswith("unix/") else None


def as_caddy_counts_it(address: str) -> str:
    """The name under which Caddy lists requests in flight to an address: sockets lose their `unix/`."""
    return path_of(address) or address
