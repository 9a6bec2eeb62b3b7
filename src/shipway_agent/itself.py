"""Nothing in, the agent's own file and its hash out."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from typing import Optional

import shipway_agent

SOURCE = "source"
"""The hash of an agent that runs from a directory of sources and not from its one file."""


def own_file() -> Optional[str]:
    """The absolute path of the one file this agent runs from, None where it runs from sources."""
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
