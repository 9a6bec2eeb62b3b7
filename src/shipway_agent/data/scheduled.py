"""A root and the name of its data in, a restore point of it out: what a job runs whose time has come. Its output is the job's log."""

from __future__ import annotations

import sys
from typing import Any, Mapping

from shipway_agent.data import points
from shipway_agent.data.declared import declared
from shipway_agent.journal import Journal
from shipway_agent.primitives import Context
from shipway_agent.root import Root

KEY = "schedule"


def take(root_path: str, name: str) -> int:
    """0, once the point is on disk. Raises AgentError."""
    with Root(root_path) as root, Journal(root) as journal:
        context = Context(root, "", journal, "", 0, KEY, float("inf"), _write)
        made = points.take(context, declared(root, name), why="by schedule")
    sys.stdout.write(f"{made['note']}\n")
    return 0


def _write(event: Mapping[str, Any]) -> None:
    sys.stdout.write(f"{event.get('line', '')}\n")
    sys.stdout.flush()
