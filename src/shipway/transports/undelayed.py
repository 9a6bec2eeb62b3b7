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
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctypes import CDLL

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
            lent = lent or _connections(pid)
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


def _connections(pid: int) -> list[socket.socket]:
    """Copies of what is connected over TCP. Raises OSError where the child is gone or nothing is lent."""
    found = _connections_of(pid)
    for child in () if found else _children(pid):
        with suppress(ProcessLookupError, FileNotFoundError):  # a client asks other programs things while it reads its configuration
            found += _connections_of(child)
    return found


def _connections_of(pid: int) -> list[socket.socket]:
    numbers = _sockets(pid)
    if not numbers:
        return []
    handle = os.pidfd_open(pid)
    try:
        return [connection for number in numbers if (connection := _connected(handle, number)) is not None]
    finally:
        os.close(handle)


def _children(pid: int) -> list[int]:
    """A client with a jump host or a command to connect through has no connection of its own."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as names:
            return [int(name) for name in names.read().split()]
    except FileNotFoundError:
        return []  # some kernels are made without this list


def _sockets(pid: int) -> list[int]:
    """Behind the first three, which lead to us. What the others lead to is read and not followed: it may lie where nobody answers."""
    folder, found = f"/proc/{pid}/fd", []
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):
            if int(name) > 2 and os.readlink(f"{folder}/{name}").startswith("socket:"):
                found.append(int(name))
    return found


def _connected(handle: int, number: int) -> socket.socket | None:
    """A copy of the file `number` of that process, if it is a TCP connection by now. Raises OSError where nothing is lent."""
    copy = _lent(handle, number)
    if copy is None:
        return None
    os.set_inheritable(copy, False)
    found = socket.socket(fileno=copy)
    with suppress(OSError):
        if found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM and found.getpeername():
            return found
    found.close()
    return None


def _lent(handle: int, number: int) -> int | None:
    import ctypes  # while ssh is on its way

    copy: int = _libc().syscall(_PIDFD_GETFD, handle, number, 0)
    if copy >= 0:
        return copy
    error = ctypes.get_errno()
    if error in _GONE:
        return None
    raise OSError(error, os.strerror(error))


@lru_cache(maxsize=1)
def _libc() -> CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
