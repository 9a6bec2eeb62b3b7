"""An address and some processes in; out, whether the listener there is theirs, and else whose it is. The proof is the socket's inode."""

from __future__ import annotations

import os

from shipway_agent.listeners import listeners
from shipway_agent.record import dataclass
from shipway_agent.typed import Dict, FrozenSet, Iterable, Optional, Set


@dataclass(frozen=True)
class Owner:
    """`ours` only where something listens and every listener there is held by one of the processes asked about.

    `detail` is a sentence part for people. `pid` is one holder, None where nobody listens or it is another user's.
    """

    ours: bool
    detail: str
    pid: Optional[int] = None


def owner(address: str, pids: Iterable[int]) -> Owner:
    """Who owns the listener at `address`, asked on behalf of the processes `pids`."""
    open_there = {listener.inode for listener in listeners(address)}
    if not open_there:
        return Owner(False, f"nothing listens at {address}")
    ours = sorted(pids)
    held: Dict[int, int] = {}
    for pid in ours:
        for inode in sockets_of(pid) & open_there:
            held.setdefault(inode, pid)
    if set(held) == open_there:
        pid = min(held.values())
        return Owner(True, f"{address} is held by process {pid}", pid)
    stranger = holder(open_there - set(held), ours)
    if stranger is None:
        return Owner(False, f"{address} is held by a process of another user")
    return Owner(False, f"{address} is held by process {stranger} ({command_of(stranger)})", stranger)


def holder(inodes: Set[int], besides: Iterable[int] = ()) -> Optional[int]:
    """A process that has one of these sockets open and is not one of `besides`; None where it is another user's."""
    passed = frozenset(besides)
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in passed and sockets_of(int(name)) & inodes:
            return int(name)
    return None


def holder_of(address: str) -> Optional[int]:
    """A process that listens at `address`; None where nobody does, or another user's process."""
    inodes = {listener.inode for listener in listeners(address)}
    return holder(inodes) if inodes else None


def sockets_of(pid: int) -> FrozenSet[int]:
    """The inodes of all sockets that `pid` has open; empty where it is gone or another user's."""
    found = []
    folder = f"/proc/{pid}/fd"
    try:
        for name in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{name}")
            except OSError:  # closed in between
                continue
            if target.startswith("socket:["):
                found.append(int(target[8:-1]))
    except OSError:
        pass
    return frozenset(found)


def command_of(pid: int) -> str:
    """The short name of a process, "?" where it is gone."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "?"
