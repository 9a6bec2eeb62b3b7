"""An ssh client that is logging in, in; out, no small packet of its login held back, and none acknowledged late.

OpenSSH switches Nagle's algorithm off only behind the login. Until then some of its packets wait for the acknowledgement of the one before,
which the other side delays, and the same the other way round: three times 40 ms on a near host, four more round trips on a far one
(decision 0045). So the two switches of its connection are set from here while it logs in, with pidfd_getfd(2), which lends a parent what
its child has open. What is said over it, and to whom, stays ssh's alone; where the system does not lend, a login takes as long as ever.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

LOOK_SECONDS = 0.004
"""A tenth of the 40 ms for which Linux delays an acknowledgement (TCP_DELACK_MIN, include/net/tcp.h)."""

AT_ONCE = 4
"""With more logins under way each is looked at less often: what they wait for is processors then, which looking takes as well."""

_PIDFD_GETFD = 438
"""The same on all architectures (scripts/syscall.tbl of Linux)."""

_GONE = frozenset({errno.ENOENT, errno.EBADF, errno.ENOTSOCK})
"""A file that was closed while it was looked for: a client opens and closes many before it connects."""

_logging_in: set[int] = set()


@asynccontextmanager
async def undelayed(pid: int) -> AsyncIterator[None]:
    """While the block runs, no connection of our child `pid`, or of what it reaches its host through, waits to send or to acknowledge."""
    import asyncio  # logins begin before it is read (early.py)

    async def look() -> None:
        for seconds in hasten(pid):
            await asyncio.sleep(seconds)

    hastening = asyncio.ensure_future(look())
    try:
        yield
    finally:
        hastening.cancel()
        await asyncio.gather(hastening, return_exceptions=True)


def hasten(pid: int) -> Iterator[float]:
    """Each step looks at the connections once, and answers the seconds until it is to look again. It ends where nothing can be done."""
    if sys.platform != "linux":
        return
    lent: list[socket.socket] = []
    _logging_in.add(pid)
    try:
        while True:
            for connection in () if lent else _connections(pid):
                lent.append(connection)
            for connection in lent:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # holds until something is sent: said again and again
            yield LOOK_SECONDS * max(1.0, len(_logging_in) / AT_ONCE)
    except (OSError, AttributeError, ImportError):
        pass  # nothing is lent here, Python was built without what it takes, or the child is gone: the login goes on as it is
    finally:
        _logging_in.discard(pid)
        for connection in lent:
            connection.close()  # ours alone: the child's own stays open


def _connections(pid: int) -> Iterator[socket.socket]:
    """Copies of what is connected over TCP. Raises OSError where the child is gone or nothing is lent."""
    yield from _connections_of(pid)
    for child in _children(pid):
        with suppress(ProcessLookupError, FileNotFoundError):  # a client asks other programs things while it reads its configuration
            yield from _connections_of(child)


def _connections_of(pid: int) -> Iterator[socket.socket]:
    handle = os.pidfd_open(pid)
    try:
        for number in _sockets(pid):
            if (connection := _connected(handle, number)) is not None:
                yield connection
    finally:
        os.close(handle)


def _children(pid: int) -> list[int]:
    """A client with a jump host or a command to connect through has no connection of its own."""
    try:
        return [int(name) for name in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except FileNotFoundError:
        return []  # some kernels are made without this list


def _sockets(pid: int) -> list[int]:
    """Behind the first three, which lead to us. What the others lead to is read and not followed: it may lie where nobody answers."""
    found = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if int(file.name) > 2 and str(file.readlink()).startswith("socket:"):
                found.append(int(file.name))
    return found


def _connected(handle: int, number: int) -> socket.socket | None:
    """A copy of the file `number` of that process, if it is a TCP connection by now. Raises OSError where nothing is lent."""
    import ctypes  # while ssh is on its way

    libc = ctypes.CDLL(None, use_errno=True)
    copy: int = libc.syscall(_PIDFD_GETFD, handle, number, 0)
    if copy < 0:
        error = ctypes.get_errno()
        if error in _GONE:
            return None
        raise OSError(error, os.strerror(error))
    os.set_inheritable(copy, False)
    found = socket.socket(fileno=copy)
    with suppress(OSError):
        if found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM and found.getpeername():
            return found
    found.close()
    return None
