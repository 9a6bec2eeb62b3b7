"""A shell in, what it does with keys out: the real one, on a terminal of its own."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

BOUND_SECONDS = 90.0
TAKES_THE_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""A shell edits lines only on a terminal that is its own. What it started gets a hang-up when the terminal goes."""

TAB, BEGINNING, RETURN = "\t", "\x01", "\r"


class Shell:
    """Keys are handled one after the other, so nothing has to be waited for between them."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._seen = ""

    def completed(self, line: str) -> str:
        """The line as it is after the tab key: it is put behind an echo, and run."""
        self._type(f"{line}{TAB}{BEGINNING}echo li''ne: {RETURN}")
        return self._until("line: ", "\n").strip()

    def runs(self, line: str) -> None:
        """Run a line, and wait until it is done."""
        self._type(f"{line}; echo do''ne{RETURN}")
        self._until("done", "\n")

    def _type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def _until(self, first: str, then: str) -> str:
        """What is written between two marks. Raises AssertionError past the bound."""
        give_up = time.monotonic() + BOUND_SECONDS
        while True:
            behind = self._seen.partition(first)[2]
            if first in self._seen and then in behind:
                said, _, self._seen = behind.partition(then)
                return said
            ready, _, _ = select.select([self._terminal], [], [], max(0.0, give_up - time.monotonic()))
            assert ready, f"no {first!r} within {BOUND_SECONDS:g} s, but {self._seen!r}"
            self._seen += os.read(self._terminal, 1 << 16).decode(errors="replace")


@contextmanager
def shell(argv: list[str], directory: Path, env: Mapping[str, str]) -> Iterator[Shell]:
    """The shell in `directory`; it and all that it started end with the block."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-I", "-c", TAKES_THE_TERMINAL, *argv], stdin=theirs, stdout=theirs, stderr=theirs, cwd=directory, env=dict(env)
    ) as process:
        os.close(theirs)
        try:
            yield Shell(ours)
        finally:
            process.kill()
            os.close(ours)
