"""Nothing in, the agent's own file and its hash out."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from typing import Optional

import shipway_agent

CURRENT = "agent/current.pyz"
"""Below a root, the link to the agent that supervises it: the name that a crontab and a unit know it by."""

LOCK_VARIABLE = "SHIPWAY_SUPERVISOR_LOCK"
"""Number of the descriptor that holds the supervisor's lock, across a re-execution as another agent."""

SOURCE = "source"
"""The hash of an agent that runs from a directory of sources and not from its one file."""


def own_file() -> Optional[str]:
    """The real path of the one file this agent runs from, None where it runs from sources."""
    path = started_as()
    return os.path.realpath(path) if path is not None else None


def started_as() -> Optional[str]:
    """The path by which that file was started: it may be the link CURRENT, which points elsewhere later."""
    # The package's first home is the file itself; its compiled form, where there is one, is put in front of it.
    archive = os.path.dirname(os.path.abspath(shipway_agent.__path__[-1]))
    return archive if os.path.isfile(archive) else None


@lru_cache(maxsize=1)
def own_hash() -> str:
    """The hash of that file as it was when first asked for: the name under which the operator sent it."""
    path = own_file()
    if path is None:
        return SOURCE
    with open(path, "rb") as file:
        return hashlib.blake2b(file.read(), digest_size=32).hexdigest()
