"""A command in; its exit code out, and what it left running: whatever it or anything below it has started, however that detached itself.

An orphan gets the nearest ancestor that has asked for orphans as its parent, and this process asks. So what is left is known without a
guess, on a machine where others test as well, and also where a process has neither our environment nor a directory of ours.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_SECONDS = 15.0
"""What was told to end may take so long, on a busy machine."""


@dataclass(frozen=True)
class Ran:
    """`left` has a line for each process that still ran."""

    code: int
    left: tuple[str, ...]


def run(argv: Sequence[str], patience_seconds: float = PATIENCE_SECONDS) -> Ran:
    """Run it, and wait a while for all that it started; what does not end by itself is named, and ended.

    From the first call on this process adopts orphans: it must not have children that somebody else waits for.
    """
    adopts = ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    command = subprocess.Popen(argv)
    code = None
    while code is None:
        pid, status = os.waitpid(-1, 0)
        if pid == command.pid:
            code = command.returncode = os.waitstatus_to_exitcode(status)
    return Ran(code, tuple(_end(patience_seconds)) if adopts else ())


def _end(patience_seconds: float) -> Iterator[str]:
    deadline = time.monotonic() + patience_seconds
    while _reaped() and time.monotonic() < deadline:
        time.sleep(0.05)
    told: set[int] = set()
    while _reaped():
        for pid in _below(os.getpid()):
            if pid not in told:
                told.add(pid)
                yield _described(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _reaped() -> bool:
    """Take note of every child that has ended; whether others are left."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    return False


def _below(pid: int) -> list[int]:
    """Its children, and theirs, that have not ended."""
    children: dict[int, list[int]] = {}
    for one in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with suppress(OSError):
            state, parent = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                children.setdefault(int(parent), []).append(one)
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found[1:]


def _described(pid: int) -> str:
    """Its command line, where it runs, and the test that started it where its environment tells."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        test = re.search(rb"(?:^|\0)PYTEST_CURRENT_TEST=([^\0]*)", Path(f"/proc/{pid}/environ").read_bytes())
        return f"{pid} in {Path(f'/proc/{pid}/cwd').readlink()}: {words[:300]}" + (f" (of {test[1].decode()})" if test else "")
    except OSError:
        return f"{pid}, which ended right then"
