"""Where to and how long in, a connection out; and of the module `socket` what it takes to ask and to dial.

That module makes enumerations of all its constants, for whoever prints them: 2 ms of each session that asks for a page.
"""

from __future__ import annotations

from shipway_agent.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import socket as real
    from socket import socket as socket
else:
    import _socket as real

    class socket(real.socket):
        """One that its `with` closes."""

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.close()


AF_INET = real.AF_INET
AF_INET6 = real.AF_INET6
AF_NETLINK = real.AF_NETLINK
AF_UNIX = real.AF_UNIX
IPPROTO_IPV6 = real.IPPROTO_IPV6
IPPROTO_TCP = real.IPPROTO_TCP
IPV6_V6ONLY = real.IPV6_V6ONLY
SO_REUSEADDR = real.SO_REUSEADDR
SOCK_CLOEXEC = real.SOCK_CLOEXEC
SOCK_DGRAM = real.SOCK_DGRAM
SOCK_NONBLOCK = real.SOCK_NONBLOCK
SOCK_RAW = real.SOCK_RAW
SOCK_STREAM = real.SOCK_STREAM
SOL_SOCKET = real.SOL_SOCKET
gaierror = real.gaierror
timeout = real.timeout


def connected(host: str, port: int, timeout_seconds: float) -> socket:
    """A TCP connection to the first address of a host that takes one, each tried for so long. Raises OSError."""
    fault = OSError(f"{host} has no address")
    # Whether plain letters are an international name is asked of tables that cost as much as the connection.
    for family, kind, protocol, _, place in real.getaddrinfo(host.encode() if host.isascii() else host, port, 0, SOCK_STREAM):
        connection = socket(family, kind, protocol)
        try:
            connection.settimeout(timeout_seconds)
            connection.connect(place)
        except OSError as error:
            connection.close()
            fault = error
        else:
            return connection
    raise fault
