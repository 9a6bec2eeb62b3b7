"""An address and a page in, what was seen out: status, body, time. Over TCP or a UNIX socket, one plain request, no retry.

The same question serves health, key pages and the front door, so that a page is judged by one rule everywhere.
"""

from __future__ import annotations

import time

from shipway_agent import sockets
from shipway_agent.address import path_of, port_of
from shipway_agent.http_exchange import Closed, NotHttp, exchange
from shipway_agent.record import dataclass, field
from shipway_agent.sockets import socket
from shipway_agent.text import clean
from shipway_agent.typed import Any, Mapping, Optional

BODY_BYTES = 1 << 20
SEEN_CHARACTERS = 400


@dataclass(frozen=True)
class Answer:
    """What one request brought. `status` is None where no answer came; `why` then says what happened instead."""

    status: Optional[int]
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    why: str = ""

    def seen(self) -> str:
        """What was seen, for people: at most 400 printable characters."""
        if self.status is None:
            return trim(self.why)
        text = self.body[: 4 * SEEN_CHARACTERS].decode("utf-8", "replace")
        return trim(f"status {self.status}, body: {' '.join(text.split())}" if text.strip() else f"status {self.status}, empty body")


def ask(
    address: str,
    path: str,
    timeout_seconds: float,
    *,
    host: str = "localhost",
    headers: Optional[Mapping[str, str]] = None,
    tls: bool = False,
) -> Answer:
    """GET `path` at `address`, all within `timeout_seconds`, of the body at most 1 MiB. Never raises for what a server does.

    With `tls` the name of `host` is asked for, and whatever certificate comes is taken: who answers is proved by other means.
    """
    began = time.monotonic()
    until = began + timeout_seconds
    try:
        connection = connect(address, timeout_seconds)
        try:
            connection = secured(connection, host) if tls else connection
            said = {"Host": host, "User-Agent": "shipway", **(headers or {})}
            found = exchange(connection, "GET", path, said, until=until, most_bytes=BODY_BYTES)
        finally:
            connection.close()
        return Answer(found.status, found.body, found.headers, time.monotonic() - began)
    except (TimeoutError, sockets.timeout):  # two classes until Python 3.10
        return Answer(None, seconds=time.monotonic() - began, why=f"no answer within {timeout_seconds:g} s")
    except (OSError, NotHttp, ValueError) as error:
        return Answer(None, seconds=time.monotonic() - began, why=_reason(error, address))


def fault(answer: Answer, page: Mapping[str, Any]) -> Optional[str]:
    """Why an answer is not what PAGE {"status": [..], "contains": text|null} asks for; None when it is."""
    if answer.status is None:
        return answer.seen()
    wanted = page.get("status") or [200]
    if answer.status not in wanted:
        return f"wanted status {' or '.join(str(one) for one in wanted)}; {answer.seen()}"
    contains = page.get("contains")
    if contains and contains.encode() not in answer.body:
        return f"the body lacks {contains!r}; {answer.seen()}"
    return None


def healthy(address: str, health: Optional[Mapping[str, Any]]) -> Optional[str]:
    """Why a listener is not healthy, None when it is. Without a health page it is enough that it accepts a connection."""
    if health is None:
        return None if accepts(address) else f"nothing accepts connections at {address}"
    page = health["page"]
    return fault(ask(address, page["path"], float(page.get("timeout_seconds", 5.0))), page)


def accepts(address: str, timeout_seconds: float = 2.0) -> bool:
    """Whether a connection can be made."""
    try:
        connect(address, timeout_seconds).close()
    except OSError:
        return False
    return True


def connect(address: str, timeout_seconds: float) -> socket:
    """A connection to a port of an address, or to a UNIX socket. Raises OSError."""
    path = path_of(address)
    if path is None:
        host = address.rpartition(":")[0].strip("[]")
        return sockets.connected(host, port_of(address) or 0, timeout_seconds)
    connection = sockets.socket(sockets.AF_UNIX)
    try:
        connection.settimeout(timeout_seconds)
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


def secured(connection: socket, name: str) -> socket:
    """TLS over a connection, asking for the certificate of `name` and taking any. Raises OSError; the connection is closed then."""
    import ssl  # only where a site has certificates: it costs as much as the rest of the agent

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(connection, server_hostname=name)
    except BaseException:
        connection.close()
        raise


def trim(text: str) -> str:
    """At most 400 printable characters of it."""
    text = clean(text)
    return text if len(text) <= SEEN_CHARACTERS else text[: SEEN_CHARACTERS - 1] + "…"


def _reason(error: Exception, address: str) -> str:
    if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
        return f"nothing accepts connections at {address}"
    if isinstance(error, ConnectionResetError):
        return "the connection was reset before an answer came"
    if isinstance(error, Closed):
        return "the connection was closed before an answer came"
    if isinstance(error, NotHttp):
        return f"what came is not HTTP: {error}"
    return f"{error}"
