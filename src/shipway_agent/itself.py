"""Nothing in, the agent's own file and its hash out; and how another process of it is started."""

from __future__ import annotations

import os
import sys

import shipway_agent
from shipway_agent.blake import blake2b
from shipway_agent.typed import List, Optional, Sequence

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
    # The package's first home is the file itself; its compiled modules, where there are any, say the same.
    archive = os.path.dirname(os.path.abspath(shipway_agent.__path__[-1]))
    return archive if os.path.isfile(archive) else None


_known: List[str] = []


def own_hash() -> str:
    """The hash of that file as it was when first asked for: the name under which the operator sent it."""
    if not _known:
        path = own_file()
        if path is None:
            return SOURCE
        with open(path, "rb") as file:
            _known.append(blake2b(file.read(), digest_size=32).hexdigest())
    return _known[0]


def has_hash(agent: str) -> None:
    """Whoever started this process has just compared the file with its hash."""
    _known.append(agent)


def argv_of(path: Optional[str], words: Sequence[str]) -> List[str]:
    """The argument list of an agent with these words: from the one file `path`, or from the sources where it is None."""
    if path is not None:
        return [sys.executable, "-I", "-S", "-X", "utf8", path, *words]
    sources = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    run = "import sys; sys.path.insert(0, sys.argv.pop(1)); from shipway_agent.__main__ import main; sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-I", "-S", "-X", "utf8", "-c", run, sources, *words]
