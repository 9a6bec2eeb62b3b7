"""A root in; out, what was found damaged in its journal, until somebody has read all of it and found it sound.

Votes and `verify` read pages, a look reads rows: an index that is spoilt answers it with what is not so, and it would call such a host
well. So who finds damage notes it beside the file, of which a look asks. The name is one of `journal.db*`: who begins anew moves it away
too. It is of that very file: a copy that is put back is another one.
"""

from __future__ import annotations

from shipway_agent.errors import AgentError
from shipway_agent.journal.connection import DAMAGE, FILE
from shipway_agent.root import Root


def note(root: Root, why: str) -> None:
    """Note a sentence about the journal that is there. A fault is not told: whoever found the damage says it."""
    try:
        if noted(root) != why:
            root.write(DAMAGE, f"{_which(root)} {why}".encode())
    except AgentError:
        pass


def noted(root: Root) -> str:
    """The sentence; "" where nothing is noted, or of another file."""
    try:
        which, _, why = root.read(DAMAGE).decode().partition(" ")
    except (AgentError, ValueError):
        return ""
    return why if which == _which(root) else ""


def _which(root: Root) -> str:
    file = root.stat(FILE)
    return f"{file.st_dev}:{file.st_ino}" if file else ""
