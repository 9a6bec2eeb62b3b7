"""Frames in, bytes on a descriptor out: one thread writes, and nobody who has something to say waits for a slow or dead reader."""

from __future__ import annotations

import os
import threading
import time
from collections import deque

from shipway_agent.typed import Callable, Deque, List, Tuple

OFFERED_BYTES = 4 << 20
"""Bytes of frames that may be left out and are not, while the reader is slow."""

SOON_SECONDS = 0.02
"""How long what is only told waits for company: each write is a packet, and one back that says it came."""

AT_ONCE_BYTES = 64 << 10
"""What is written in one go."""

FOREVER_SECONDS = 3600.0


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
        self._due = 0.0
        self._dead = False
        self._closing = False
        self._changed = threading.Condition()
        # A daemon: a reader that stops reading for ever does not keep us alive.
        self._thread = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._thread.start()

    def send(self, frame: bytes, *, ahead: bool = False, soon: bool = False) -> None:
        """Send a frame that must arrive. Never blocks, never raises.

        With `ahead` it overtakes all others but its like: what a flood of output has in front of it, nobody who renews a lease waits for.
        With `soon` it leaves with what comes within SOON_SECONDS, so that an answer right behind it takes it along.
        """
        with self._changed:
            if ahead:
                self._ahead.append(frame)
            else:
                self._put(frame, False, soon)
            self._changed.notify()

    def offer(self, frame: bytes) -> bool:
        """Send a frame soon, unless more than OFFERED_BYTES of such frames wait already. Never blocks, never raises."""
        with self._changed:
            if self._offered + len(frame) > OFFERED_BYTES:
                return False
            self._offered += len(frame)
            self._put(frame, True, True)
            self._changed.notify()
            return True

    def close(self, timeout_seconds: float) -> None:
        """Wait until everything is written or the time is over."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_seconds)

    def _put(self, frame: bytes, offered: bool, soon: bool) -> None:
        """`_due` is when the first of those that wait is to leave at the latest."""
        due = time.monotonic() + SOON_SECONDS if soon else 0.0
        self._due = min(self._due, due) if self._waiting else due
        self._waiting.append((frame, offered))

    def _write(self) -> None:
        while True:
            with self._changed:
                while (left := self._left()) > 0.0:
                    self._changed.wait(left)
                frames = self._take()
            if not frames:
                return
            if not self._dead:
                self._dead = not _write_all(self._fd, b"".join(map(self._pack, frames)))

    def _left(self) -> float:
        """Seconds until something is to be written, if nothing else comes."""
        if self._ahead or self._closing:
            return 0.0
        return max(0.0, self._due - time.monotonic()) if self._waiting else FOREVER_SECONDS

    def _take(self) -> List[bytes]:
        """What is written next: those that go ahead, and as many of the others as fit."""
        frames = list(self._ahead)
        self._ahead.clear()
        size = sum(map(len, frames))
        while self._waiting and (not frames or size + len(self._waiting[0][0]) <= AT_ONCE_BYTES):
            frame, offered = self._waiting.popleft()
            frames.append(frame)
            size += len(frame)
            if offered:
                self._offered -= len(frame)
        if self._waiting:
            self._due = 0.0
        return frames


def _write_all(fd: int, data: bytes) -> bool:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        return False
    return True
