"""This process's stdin, stdout and terminal in, Streams out: keys as they are pressed, bytes as they are, the terminal as it was before."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import threading
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import FrameType

from shipway.model.streams import Size, Terminal

READ_BYTES = 32 * 1024


class OwnStreams:
    """Streams of this process. With `terminal`, keys go to the command one by one, Ctrl-C too."""

    def __init__(self, terminal: Terminal | None) -> None:
        self.terminal = terminal
        self._read = threading.Semaphore(1)

    async def typed(self) -> AsyncIterator[bytes | Size]:
        """What comes on stdin. A part is read only when the one before was taken: a file waits for a slow link."""
        loop = asyncio.get_running_loop()
        found: asyncio.Queue[bytes | Size] = asyncio.Queue()

        def read() -> None:
            while self._read.acquire():
                try:
                    data = os.read(0, READ_BYTES)
                except OSError:
                    data = b""
                loop.call_soon_threadsafe(found.put_nowait, data)
                if not data:
                    return

        def resized(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(found.put_nowait, size())

        if self.terminal is not None:
            signal.signal(signal.SIGWINCH, resized)
        threading.Thread(target=read, name="stdin", daemon=True).start()  # a daemon: a read of a key that never comes ends with us
        with _raw(self.terminal):
            while True:
                one = await found.get()
                if one == b"":
                    return
                yield one
                if isinstance(one, bytes):
                    self._read.release()

    async def show(self, stream: int, data: bytes) -> None:
        """Write it all; a reader that went away gets no more, and is no error."""
        await asyncio.get_running_loop().run_in_executor(None, _write, stream, data)


def own_terminal() -> Terminal | None:
    """This process's terminal, None where what is typed or what is shown is none."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    return Terminal(size(), os.environ.get("TERM", "dumb"))


def size() -> Size:
    """Of the terminal that is shown on; 24 × 80 where it has none."""
    try:
        columns, rows = os.get_terminal_size(1)
    except OSError:
        return Size(24, 80)
    return Size(rows or 24, columns or 80)


@contextmanager
def _raw(terminal: Terminal | None) -> Iterator[None]:
    """While the block lasts keys are not interpreted here; afterwards the terminal is as it was."""
    if terminal is None:
        yield
        return
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        pass
