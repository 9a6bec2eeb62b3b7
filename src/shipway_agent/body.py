"""Parts of a request's body in, an iterator over them out: between the thread that reads the channel and the one that answers."""

from __future__ import annotations

import threading
from collections import deque

from shipway_agent.errors import AgentError
from shipway_agent.typed import Deque, Iterable, Iterator

WAITING_BYTES = 4 << 20
"""What may wait for a slow disk before the channel itself has to wait."""


class Body:
    """The body of one request, in the order in which it comes. Iterating ends with the body; it is read once."""

    def __init__(self) -> None:
        self._parts: Deque[bytes] = deque()
        self._bytes = 0
        self._ended = False
        self._cut = False
        self._unwanted = False
        self._changed = threading.Condition()

    def feed(self, part: bytes) -> None:
        """One part has come; an empty one ends the body. Blocks while too much waits, unless nobody wants it any more."""
        with self._changed:
            while self._bytes > WAITING_BYTES and not self._unwanted:
                self._changed.wait()
            if self._ended or self._unwanted:
                return
            if not part:
                self._ended = True
            self._parts.append(part)
            self._bytes += len(part)
            self._changed.notify_all()

    def cut(self) -> None:
        """The channel has ended: nothing more comes."""
        with self._changed:
            self._cut = True
            self._changed.notify_all()

    def drop(self) -> None:
        """The call has ended: whatever still comes is thrown away."""
        with self._changed:
            self._unwanted = True
            self._parts.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[bytes]:
        """The parts. Raises AgentError `cut` when the channel ends before the body."""
        while True:
            with self._changed:
                while not self._parts and not self._cut and not self._unwanted:
                    self._changed.wait()
                if not self._parts:
                    raise AgentError("cut", "the channel ended in the middle of a body; what had arrived of it was thrown away")
                part = self._parts.popleft()
                self._bytes -= len(part)
                self._changed.notify_all()
            if not part:
                return
            yield part


class Parts:
    """A stream of bytes, handed out in pieces of the sizes asked for."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = filter(None, body)
        self._rest = memoryview(b"")

    def take(self, size: int) -> Iterator[memoryview]:
        """The next `size` bytes, as they come. Raises AgentError `body` when there are fewer."""
        if size < 0:
            raise AgentError("body", f"a blob of {size} bytes")
        while size > 0:
            if not self._rest:
                self._rest = memoryview(next(self._body, b""))
                if not self._rest:
                    raise AgentError("body", f"the body ended {size} bytes early; nothing was kept")
            part, self._rest = self._rest[:size], self._rest[size:]
            size -= len(part)
            yield part

    def more(self) -> bool:
        """Whether anything is left; waits for it."""
        if not self._rest:
            self._rest = memoryview(next(self._body, b""))
        return bool(self._rest)
