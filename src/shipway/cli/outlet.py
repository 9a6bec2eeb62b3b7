"""Text in, the same text at its reader out: a thread of its own writes, so that whoever speaks never waits for a reader that stands still.

A pager at its first page, a terminal after Ctrl-S, a full pipe: a driver that waited for one of these would no longer renew its leases.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

HELD_CHARACTERS = 32 << 20
"""Of text that nobody reads so much is kept; a whole deployment with every line of its tasks is less."""


class Outlet:
    """A file to write to, in front of `file`. Nothing here waits but `drain`, and nothing raises what the reader is the cause of.

    `left_out` puts in words how many lines of what was offered a reader does not get, because too much was waiting for it.
    """

    def __init__(self, file: TextIO, left_out: Callable[[int], str], held_characters: int = HELD_CHARACTERS) -> None:
        self._file = file
        self._told = left_out
        self._held = held_characters
        self._texts: deque[str] = deque()
        self._size = 0
        self._left_out = 0
        self._changed = threading.Condition()
        self._writer: threading.Thread | None = None
        self.gone = False

    def write(self, text: str) -> int:
        """Have it written."""
        with self._changed:
            self._take(text)
        return len(text)

    def offer(self, text: str) -> None:
        """Have a line written unless the reader is too far behind."""
        with self._changed:
            if self._size + len(text) > self._held:
                self._left_out += 1
            else:
                self._take(text)

    def flush(self) -> None:
        """Every write is on its way at once."""

    def drain(self, seconds: float | None = None) -> bool:
        """Wait until all of it is written or the reader is gone. False when that took longer than `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: self.gone or not self._size, seconds)

    @property
    def behind(self) -> bool:
        """Whether the reader has not taken everything yet."""
        return bool(self._size)

    def isatty(self) -> bool:
        try:
            return self._file.isatty()
        except ValueError:
            return False

    def fileno(self) -> int:
        """Raises OSError or ValueError where there is no descriptor."""
        return self._file.fileno()

    @property
    def encoding(self) -> str:
        return self._file.encoding

    def _take(self, text: str) -> None:
        if self.gone or not text:
            return
        if self._left_out:
            text = f"{self._told(self._left_out)}\n{text}"
            self._left_out = 0
        self._texts.append(text)
        self._size += len(text)
        self._changed.notify_all()
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="outlet", daemon=True)
            self._writer.start()

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._texts)
                text = self._texts.popleft()
            try:
                self._file.write(text)
                self._file.flush()
            except (OSError, ValueError):
                self._give_up()
                return
            with self._changed:
                self._size -= len(text)
                self._changed.notify_all()

    def _give_up(self) -> None:
        """The reader went away: what is left is for nobody."""
        with self._changed:
            self.gone = True
            self._texts.clear()
            self._size = 0
            self._changed.notify_all()
