"""A Python program in, what a person sees of it out: on a real terminal device, read by a terminal emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte

ROOT = Path(__file__).parent.parent.parent
BOUND_SECONDS = 90.0
SETTINGS = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "SHIPWAY_PLAIN")
"""Of whoever runs the tests; a program here gets none of them."""


class Terminal:
    """`raw` is every character that was written to it; `screen` is what stands on it now."""

    def __init__(self, ours: int, process: subprocess.Popen[bytes], columns: int, lines: int) -> None:
        self.raw = b""
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._ours, self._process = ours, process

    @property
    def lines(self) -> list[str]:
        """The lines of the screen, without what is blank behind and below them."""
        found = [line.rstrip() for line in self.screen.display]
        while found and not found[-1]:
            found.pop()
        return found

    def shows(self, wanted: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the lines are as `wanted`; they are looked at whenever a whole frame may have come. Answers those lines."""
        give_up = time.monotonic() + BOUND_SECONDS
        while not wanted(self.lines):
            ready, _, _ = select.select([self._ours], [], [], max(0.0, give_up - time.monotonic()))
            assert ready and self._read(), "\n".join([f"not within {BOUND_SECONDS:g} s, or it ended:", *self.lines])
        return self.lines

    def resize(self, columns: int, lines: int) -> None:
        """Somebody pulls at the window: lines that are too long for it are broken, as terminals of today do it."""
        broken = [line[at : at + columns] for line in self.lines for at in range(0, max(1, len(line)), columns)]
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._stream.feed("\r\n".join(broken[-lines:]).encode())

    def go_on(self) -> list[str]:
        """Let the program end; answers what stands on the screen then."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        while self._read():
            pass
        return self.lines

    def _read(self) -> bool:
        try:
            data = os.read(self._ours, 1 << 16)
        except OSError:  # the other side of a terminal is gone: everything was read
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)


@contextmanager
def terminal(program: str, columns: int = 80, lines: int = 24, **env: str) -> Iterator[Terminal]:
    """The program on a terminal of that size. It may wait for the end of its stdin; it ends with the block."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    mine = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "SHIPWAY_PLAIN")
    }
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
        env={**mine, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **env},
        cwd=ROOT,
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(ours, process, columns, lines)
        finally:
            os.close(ours)
            process.kill()
