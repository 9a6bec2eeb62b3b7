"""An old listener in, whether anybody still needs it out: connections in its backlog, and requests the proxy has in flight to it.

Caddy 2.11.7 counts requests in flight for each address it dialled, also when the upstream is a `{file.…}` placeholder (measured: with
3 requests at one address and 2 at the next, GET /reverse_proxy/upstreams lists the placeholder with 5, the addresses with 3 and 2, and
leaves an address out once it has none). Established connections tell nothing: the proxy keeps idle ones open.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Optional

from shipway_agent.address import as_caddy_counts_it
from shipway_agent.listeners import listeners
from shipway_agent.probes import ask

ASK_SECONDS = 1.0


def backlog(address: str) -> int:
    """Connections that no process has accepted yet at `address`; 0 where nothing listens."""
    return sum(listener.waiting for listener in listeners(address))


def in_flight(admin: str) -> Optional[Dict[str, int]]:
    """Requests the proxy has under way, by the name it gives each address; None where no proxy answers at the address `admin`."""
    answer = ask(admin, "/reverse_proxy/upstreams", ASK_SECONDS)
    if answer.status != 200:
        return None
    try:
        return _counts(json.loads(answer.body))
    except (ValueError, KeyError, TypeError):
        return None


def needed(address: str, counts: Optional[Dict[str, int]]) -> int:
    """How many requests would be lost if the listener at `address` ended now, as far as backlog and proxy tell."""
    return backlog(address) + (counts or {}).get(as_caddy_counts_it(address), 0)


def _counts(upstreams: Any) -> Dict[str, int]:
    return {str(one["address"]): int(one["num_requests"]) for one in upstreams or ()}
