"""A process of this machine or of a host in; when it began, and what it waits in, out."""

from __future__ import annotations

import os
import time
from pathlib import Path


def began_at(pid: int) -> float:
    """Seconds since the epoch. Raises OSError when it has ended."""
    ticks = int(_stat(pid)[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


def described(pid: int) -> str:
    """Its number and its parent's, when it began, and what each of its threads waits in."""
    try:
        waits = [
            f"{(task / 'wchan').read_text()}({(task / 'syscall').read_text().strip()})" for task in Path(f"/proc/{pid}/task").iterdir()
        ]
        return f"{pid} of {_stat(pid)[1]}, {began_at(pid):.1f}, {'; '.join(waits)}:"
    except OSError as error:
        return f"{pid}, gone: {error}:"


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
