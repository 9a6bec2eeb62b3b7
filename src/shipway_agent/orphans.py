"""A root in, tasks whose agent was killed out: found by the marker they carry, left to run until their own timeout, then ended whole.

The marker names the agent that began the task and when the task must have ended, so that nothing has to be remembered elsewhere.
"""

from __future__ import annotations

import os

from shipway_agent import clock
from shipway_agent.errors import AgentError
from shipway_agent.group import Instance, alive, kill_whole, marks
from shipway_agent.record import dataclass
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, List, Optional

KILL_SECONDS = 5.0


@dataclass(frozen=True)
class Orphan:
    """A task that nobody waits for any more. `until` is on the boot clock."""

    deployment: str
    key: str
    until: float
    marker: str
    pid: int


def marker_for(root: Root, deployment: str, key: str, until: float) -> str:
    """What a task of this agent carries in its environment."""
    me = os.getpid()
    return "/".join([*_prefix(root), _quoted(deployment), _quoted(key), str(me), str(clock.process_start(me)), f"{until:.3f}"])


def orphans(root: Root) -> List[Orphan]:
    """One for each process of a task whose agent is gone."""
    return [found for pid, marker in marks().items() for found in [_orphan(root, pid, marker)] if found is not None]


def end_overdue(root: Root, now: float) -> Optional[Dict[str, Any]]:
    """End the orphans whose time is over, and name one that may still run: {deployment, key, seconds_left}. `now` is the boot clock."""
    running: Optional[Dict[str, Any]] = None
    for orphan in orphans(root):
        if now < orphan.until:
            running = {"deployment": orphan.deployment, "key": orphan.key, "seconds_left": orphan.until - now}
        else:
            end(orphan)
    return running


def end(orphan: Orphan) -> None:
    """Kill a task with all its processes. Raises AgentError `stuck` when one survives even that."""
    left = kill_whole(Instance(orphan.marker), KILL_SECONDS)
    if left:
        pids = [process.pid for process in left]
        raise AgentError("stuck", f"processes {pids} of {orphan.key} do not end even by SIGKILL", pids=pids, key=orphan.key)


def _prefix(root: Root) -> List[str]:
    return ["task", root.digest]


def _quoted(text: str) -> str:
    """As a part of a URL that has no slash in it: what `unquote` undoes."""
    return text.replace("%", "%25").replace("/", "%2F")


def _orphan(root: Root, pid: int, marker: str) -> Optional[Orphan]:
    words = marker.split("/")
    if words[:2] != _prefix(root) or len(words) != 7:
        return None
    deployment, key, runner, started, until = words[2:]
    if not (runner.isdigit() and started.isdigit()) or alive(int(runner), int(started)):
        return None
    from urllib.parse import unquote  # 2 ms, and few agents are killed under their task

    return Orphan(unquote(deployment), unquote(key), float(until), marker, pid)
