"""A standing fleet in; out, one in which every host has a spare tree (decision 0049), and how many releases are made of those later.

Cases follow each other so soon that without waiting hardly one of them would meet any.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from shipway_agent.manifest import is_digest
from tests.faults.ground import ENVIRONMENT, ROOT, Ground

IDLE_SECONDS = 3.0
"""Nobody on a host wishes to prune any more, or not yet: within this a spare tree is laid, or nothing was to be laid."""

COME_SECONDS = 90.0
"""A disk that was full is tried again after a minute."""


def laid(ground: Ground) -> dict[str, int]:
    """Wait until every host has a spare tree, of what serves or served a moment ago; the inode of each, by host.

    Where none is on its way, for a driver or a supervisor died before it was wished for, somebody deploys once more. Raises AssertionError
    where there is none for all that.
    """
    if not come(ground):
        ground.author.commit(ground.settings(ground.times))
        ground.project.run("deploy", ENVIRONMENT)
        come(ground)
    found = {host: inode(ground, host) for host in ground.names}
    lacking = [host for host, number in found.items() if number is None]
    assert not lacking, f"no spare tree was laid on {', '.join(lacking)}"
    return {host: number for host, number in found.items() if number is not None}


def come(ground: Ground, unless: Callable[[], bool] = lambda: False) -> bool:
    """Wait for as long as a spare tree may still be laid on some host, `unless` something happens; whether each has one."""
    deadline = time.monotonic() + COME_SECONDS
    idle_since = dict.fromkeys(ground.names, time.monotonic())
    while lacking := [host for host in ground.names if inode(ground, host) is None]:
        now = time.monotonic()
        idle_since.update({host: now for host in lacking if ground.watch.now(host).wish})
        if unless() or now > deadline or any(now > idle_since[host] + IDLE_SECONDS for host in lacking):
            return False
        time.sleep(0.05)
    return True


def inode(ground: Ground, host: str) -> int | None:
    """Of the directory of the spare tree that a host knows of; None where there is none."""
    release = ground.watch.now(host).spare
    try:
        return os.stat(ground.hosts.path(host, f"{ROOT}/releases/spare-{release}")).st_ino if release else None
    except FileNotFoundError:
        return None


def used(ground: Ground, spares: Mapping[str, int]) -> int:
    """On how many hosts a release is the very directory that was a spare tree."""
    return sum(inode in _releases(ground, host) for host, inode in spares.items())


def _releases(ground: Ground, host: str) -> set[int]:
    with os.scandir(ground.hosts.path(host, f"{ROOT}/releases")) as found:
        return {entry.inode() for entry in found if is_digest(entry.name)}
