"""A proxy's root in, what its Caddy says of itself out: the admin API, on a UNIX socket that only this user can open."""

from __future__ import annotations

import time

from shipway_agent import json_text as json
from shipway_agent.address import of_socket
from shipway_agent.errors import AgentError
from shipway_agent.http_exchange import NotHttp, exchange
from shipway_agent.probes import connect
from shipway_agent.root import Root
from shipway_agent.text import clean
from shipway_agent.typed import Any, Dict, Mapping, Optional, Tuple

SOCKET = "admin"
ASK_SECONDS = 5.0
LOAD_SECONDS = 30.0
ANSWER_BYTES = 16 << 20


def path_of(proxy: Root) -> str:
    """The path of the admin socket: short enough for every root."""
    return f"{proxy.socket_folder()}/{SOCKET}"


def address_of(proxy: Root) -> str:
    """The admin socket as an address, for `drain.in_flight`."""
    return of_socket(path_of(proxy))


def config_of(proxy: Root) -> Optional[Dict[str, Any]]:
    """The configuration that Caddy runs with; None where no Caddy answers."""
    try:
        status, body = _ask(proxy, "GET", "/config/", None, ASK_SECONDS)
    except OSError:
        return None
    try:
        found = json.loads(body) if status == 200 else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else {}


def load(proxy: Root, config: Mapping[str, Any]) -> None:
    """Have Caddy take over a configuration. It goes on with the old one when it cannot. Raises AgentError `proxy-refused`, `proxy-lost`."""
    try:
        status, body = _ask(proxy, "POST", "/load", json.dumps(config).encode(), LOAD_SECONDS)
    except OSError as error:
        raise AgentError("proxy-lost", f"Caddy did not answer while it was given its sites: {error!r}") from error
    if status != 200:
        raise AgentError("proxy-refused", f"Caddy goes on with its old sites, for it refused the new ones: {_why(body)}")


def _ask(proxy: Root, method: str, page: str, body: Optional[bytes], timeout_seconds: float) -> Tuple[int, bytes]:
    """Raises OSError, also for what is not HTTP."""
    until = time.monotonic() + timeout_seconds
    connection = connect(address_of(proxy), timeout_seconds)
    try:
        said = {"Host": "localhost", "Content-Type": "application/json"}
        found = exchange(connection, method, page, said, until=until, most_bytes=ANSWER_BYTES, body=body)
        return found.status, found.body
    except NotHttp as error:
        raise OSError(f"what came is not HTTP: {error}") from error
    finally:
        connection.close()


def _why(body: bytes) -> str:
    try:
        return clean(str(json.loads(body)["error"]))
    except (ValueError, KeyError, TypeError):
        return clean(body[:400].decode("utf-8", "replace"))
