"""A root in; out, its wish to send copies fulfilled as far as it can be: what the process beside the supervisor does, and then it ends."""

from __future__ import annotations

import os
import sys
from typing import Any, Mapping

from shipway_agent.data.elsewhere.send import send_all
from shipway_agent.journal import Journal
from shipway_agent.primitives import Context
from shipway_agent.root import Root
from shipway_agent.sending import WISH

KEY = "copies"
NICE = 10
"""Whoever serves visitors goes first."""


def copy(root_path: str) -> int:
    """0 when it came to its end; what could not be sent is in the journal, with when it is tried again."""
    os.nice(NICE)
    with Root(root_path) as root, Journal(root) as journal:
        wish = journal.meta(WISH)
        again = send_all(Context(root, "", journal, "", 0, KEY, float("inf"), _write))
        # A point that was taken meanwhile has a wish of its own.
        journal.set_meta(WISH, None if again is None else repr(again), synced=False, over=wish)
    return 0


def _write(event: Mapping[str, Any]) -> None:
    sys.stdout.write(f"{event.get('line', '')}\n")
    sys.stdout.flush()
