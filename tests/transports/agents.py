"""A root in, the agent process that serves it out: for tests that stop or kill it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.hosts.sessions import words_of


def serving(root: Path) -> int:
    """The pid of the one session that serves `root` (within 30 s)."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found = [pid for pid in _pids() if _is_session(pid, root)]
        if len(found) == 1:
            return found[0]
        time.sleep(0.02)
    raise AssertionError(f"no single session serves {root}")


def wait_for(path: Path) -> None:
    """Until the path exists (within 30 s)."""
    until = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.01)


def is_gone(pid: int, within_seconds: float = 30.0) -> bool:
    """Whether the process ends within the bound; a zombie counts as ended."""
    until = time.monotonic() + within_seconds
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0] == b"Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _is_session(pid: int, root: Path) -> bool:
    try:
        words = words_of(pid)
    except OSError:
        return False
    return b"serve" in words and os.fsencode(root) in words
