"""A proxy's root in, its secret token out: who sends it in the header Shipway-Probe is told which release and which address answered."""

from __future__ import annotations

import os

from shipway_agent.errors import AgentError, Missing
from shipway_agent.root import Root

FILE = "probe-token"
HEADER = "Shipway-Probe"

PUBLIC = "-public"
"""Behind the token: told as well, but for the rest treated as anybody; so a page that keeps visitors out can be proved."""


def read(proxy: Root) -> str:
    """The token. Raises Missing where no site was ever served, AgentError `damaged`."""
    found = proxy.read(FILE, 64).decode("ascii", "replace").strip()
    if len(found) != 32 or not found.isalnum():
        raise AgentError("damaged", f"{proxy.full(FILE)} does not hold what was written there", path=proxy.full(FILE))
    return found


def keep(proxy: Root) -> str:
    """The token, made where there is none yet."""
    try:
        return read(proxy)
    except Missing:
        proxy.write(FILE, os.urandom(16).hex().encode())
        return read(proxy)
