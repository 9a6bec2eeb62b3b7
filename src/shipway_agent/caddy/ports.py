"""An address to listen at in; out, whether it is free, and else who has it."""

from __future__ import annotations

import errno
import os

from shipway_agent import ownership, sockets
from shipway_agent.caddy.sites import check_listen
from shipway_agent.errors import AgentError
from shipway_agent.listeners import listeners
from shipway_agent.typed import Optional

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  # compared and tried, never served; the listen address is the operator's choice


def check_bindable(listen: str) -> None:
    """Raises AgentError: `port-taken` with who has it, as far as this user may know; `port-reserved`; `listen`.

    Caddy itself would not notice: it shares a port with whoever allows it to, and each of the two gets some of the requests.
    """
    host, port = check_listen(listen)
    if not host:
        _bind(sockets.AF_INET, EVERYWHERE[1], listen, port)
        _bind(sockets.AF_INET6, EVERYWHERE[2], listen, port, may_lack=True)
    else:
        _bind(sockets.AF_INET6 if ":" in host else sockets.AF_INET, host, listen, port)


def reachable(listen: str) -> str:
    """Where a probe on this host asks for what listens there: every interface is asked at the loopback."""
    host, port = check_listen(listen)
    if host in EVERYWHERE:
        host = "127.0.0.1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind(family: int, host: str, listen: str, port: int, may_lack: bool = False) -> None:
    """`may_lack`: this host may be without that family."""
    try:
        with sockets.socket(family, sockets.SOCK_STREAM | sockets.SOCK_CLOEXEC) as probe:
            if family == sockets.AF_INET6:
                probe.setsockopt(sockets.IPPROTO_IPV6, sockets.IPV6_V6ONLY, 1)
            # as servers do: connections of an earlier listener that linger do not count
            probe.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except sockets.gaierror as error:
        raise AgentError("listen", f"{listen} is no address of this host: {error.strerror}", listen=listen) from None
    except OSError as error:
        if not (may_lack and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)):
            raise _refusal(error, listen, port) from None


def _refusal(error: OSError, listen: str, port: int) -> AgentError:
    if error.errno == errno.EADDRINUSE:
        pid = ownership.holder_of(f"127.0.0.1:{port}")
        return AgentError("port-taken", f"the proxy cannot listen at {listen}: {_who(port, pid)}", listen=listen, pid=pid)
    if error.errno in (errno.EACCES, errno.EPERM):
        return AgentError("port-reserved", f"this user may not listen at {listen}: ports below {_first_free()} are reserved", listen=listen)
    if error.errno == errno.EADDRNOTAVAIL:
        return AgentError("listen", f"{listen} is no address of this host", listen=listen)
    return AgentError("listen", f"the proxy cannot listen at {listen}: {os.strerror(error.errno or 0)}", listen=listen)


def _who(port: int, pid: Optional[int]) -> str:
    if pid is not None:
        return f"process {pid} ({ownership.command_of(pid)}) does"
    if listeners(f"127.0.0.1:{port}"):
        return "a process of another user does"
    return "another program of this host uses that port (ss -tanp shows it); a port below 32768 is not given to outgoing connections"


def _first_free() -> str:
    try:
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "1024"
