"""Frames in, bytes on a descriptor out: one thread writes, and nobody who has something to say waits for a slow or dead reader."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Callable, Deque, Tuple

OFFERED_BYTES = 4 << 20
"""Bytes of frames that may be left out and are not, while the reader is slow."""


class Outbox:
    """Frames on their way out, in order. Once the other end is gone they vanish: what counts is in the journal.

    `pack` makes of each frame what travels, when its turn has come.
    """

    def __init__(self, fd: int, pack: Callable[[bytes], bytes] = bytes) -> None:
        self._fd = fd
        self._pack = pack
        self._waiting: Deque[Tuple[bytes, bool]] = deque()
        self._ahead: Deque[bytes] = deque()
        self._offered = 0
        self._dead = False
        self._closing = False
        self._changed = threading.Condition()
        # A daemon: a reader that stops reading for ever does not keep us alive.
        self._thread = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._thread.start()

    def send(self, frame: bytes, *, ahead: bool = False) -> None:
        """Send a frame that must arrive. Never blocks, never raises.

        With `ahead` it overtakes all others but its like: what a flood of output has in front of it, nobody who renews a lease waits for.
        """
        with self._changed:
            if ahead:
                self._ahead.append(frame)
            else:
                self._waiting.append((frame, False))
            self._changed.notify()

    def offer(self, frame: bytes) -> bool:
        """Send a frame unless more than OFFERED_BYTES of such frames wait already. Never blocks, never raises."""
        with self._changed:
            if self._offered + len(frame) > OFFERED_BYTES:
                return False
            self._offered += len(frame)
            self._waiting.append((frame, True))
            self._changed.notify()
            return True

    def close(self, timeout_seconds: float) -> None:
        """Wait until everything is written or the time is over."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_seconds)

    def _write(self) -> None:
        while True:
            with self._changed:
                while not self._ahead and not self._waiting and not self._closing:
                    self._changed.wait()
                if not self._ahead and not self._waiting:
                    return
                frame, offered = (self._ahead.popleft(), False) if self._ahead else self._waiting.popleft()
                if offered:
                    self._offered -= len(frame)
            if not self._dead:
                self._dead = not _write_all(self._fd, self._pack(frame))


def _write_all(fd: int, data: bytes) -> bool:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        return False
    return True
