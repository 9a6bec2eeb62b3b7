"""A root in; out, without the agents that nobody runs any more: each version of Shipway that deployed here left its one file."""

from __future__ import annotations

import os
import re

from shipway_agent import clock
from shipway_agent.errors import naming
from shipway_agent.itself import CURRENT
from shipway_agent.root import Root
from shipway_agent.typed import FrozenSet, List, Set

FOLDER = os.path.dirname(CURRENT)
LATELY_SECONDS = 3600.0
"""Within this time a login that found its agent here may still be about to start it."""

NAME = re.compile(r"[0-9a-f]{64}\Z")
STARTED = re.compile(rb"/([0-9a-f]{64})\.pyz(?:\0|\Z)")


def prune(root: Root) -> List[str]:
    """Remove agents, with their compiled forms, except those that run, the current one, the one before it and those used lately."""
    with root.at(FOLDER, create=True, mode=0o700) as folder, naming(folder.path):
        used = {name[: -len(".pyz")]: _used(folder.fd, name) for name in folder.names() if name.endswith(".pyz") and _hash(name)}
        target = root.read_link(CURRENT)
        kept = running() | {_hash(os.fsdecode(target))} if target is not None else running()
        others = sorted((at, agent) for agent, at in used.items() if agent not in kept)
        kept |= {agent for at, agent in others if clock.wall_now() - at < LATELY_SECONDS} | {agent for _, agent in others[-1:]}
        removed = [name for name in folder.names() if _hash(name) and _hash(name) not in kept]
        return [f"{FOLDER}/{name}" for name in removed if folder.unlink(name)]


def running() -> FrozenSet[str]:
    """Hashes of the agents that this user's processes run, wherever their files lie: an application's agent also runs the proxy's root."""
    found: Set[str] = set()
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read()
                found.update(match.decode() for match in STARTED.findall(b"\0".join([words, *_open_agents(pid, words)])))
            except OSError:
                continue  # it has ended, or is not ours
    return frozenset(found)


def _open_agents(pid: str, words: bytes) -> List[bytes]:
    """A session that runs in the process of its login (enter.py) has no agent in its command line, and the file open."""
    if b"\0-c\0" not in words:
        return []
    found: List[bytes] = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(os.fsencode(f"/proc/{pid}/fd/{name}")))
        except FileNotFoundError:
            continue  # closed meanwhile
    return found


def _hash(name: str) -> str:
    """The agent that a file belongs to, "" for a file of none."""
    first = name.partition(".")[0]
    return first if NAME.match(first) else ""


def _used(fd: int, name: str) -> float:
    return os.stat(name, dir_fd=fd, follow_symlinks=False).st_mtime
