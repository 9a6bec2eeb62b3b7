"""What the file system says of a file in; out, which file it is, and whether anybody has written to it since."""

from __future__ import annotations

import os
import time

from shipway_agent.typed import Tuple

TICK_SECONDS = 0.02
"""What is written within one tick of the kernel's clock, at most 10 ms, may get the same time: so nothing is read that is as young."""

COARSE_SECONDS = 2.0
"""The same of a file system that counts in seconds, or in two: its times are whole ones."""

AGE_NS = 3_000_000_000
"""How much older than it is a file is said to be: the next write gives it another time also where a file system counts in two seconds."""

Identity = Tuple[int, int, int, int, int]
"""Of one file: device, inode, size, mode, nanoseconds of the last write."""

SIZE, MODE, WRITTEN = 2, 3, 4
"""Where in an identity these are."""


def identity(info: os.stat_result) -> Identity:
    """Which file it is, and whether anybody has written to it since."""
    return info.st_dev, info.st_ino, info.st_size, info.st_mode, info.st_mtime_ns


def is_young(written_ns: int) -> bool:
    """Whether something written now could get this very time, while nobody sets the clock back."""
    return 0 <= time.time() - written_ns / 1e9 < (TICK_SECONDS if written_ns % 1_000_000_000 else COARSE_SECONDS)


def age(fd: int) -> Identity:
    """Give an open file, of which every byte is known, a time that no later write can give it, while nobody sets the clock back by so
    much; what it is now. Raises OSError where a file system lets nobody do that.
    """
    now = time.time_ns()
    os.utime(fd, ns=(now, now - AGE_NS))
    return identity(os.fstat(fd))
