"""A path in; out, the one directory the agent may write below, with its two locks, its datagram socket and its place for sockets."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import contextmanager

from shipway_agent.blake import blake2b
from shipway_agent.errors import AgentError, Foreign, naming
from shipway_agent.folder import Folder
from shipway_agent.typed import TYPE_CHECKING, Any, Dict, Iterator, Mapping, Tuple

if TYPE_CHECKING:
    from shipway_agent.identity import Identity
    from shipway_agent.sockets import socket

LONGEST_ROOT = 480
"""Bytes of a root's path: SQLite refuses names over 512 bytes."""

SHORT_ROOT = 60
"""Bytes of a root's path up to which its sockets live inside it: the name of a socket has at most 107."""

COMMON_PLACE = "/tmp"  # noqa: S108  # what we make in it is 0700, ours, and refused otherwise

HOST_LOCK = "host.lock"
SUPERVISOR_LOCK = "supervisor.lock"
PROXY_LOCK = "proxy.lock"
SENDING_LOCK = "sending.lock"
PRUNE_LOCK = "prune.lock"
RESTORE_LOCK = "restore.lock"
COPYING_LOCK = "copying.lock"


class Root(Folder):
    """An application's directory on a host, open. `path` has no symbolic link in it; `digest` are 16 hex digits that name it.

    What this very process knows of files, each as it was then (identity.py): `compared` are blobs by file name, every byte of which it
    compared with the digest; `unbroken` the paths of releases whose seal it found unbroken; `documents` those of generations.
    `replaced`: it has put a blob in the place of a damaged one, and any tree may have the damaged file.
    """

    def __init__(self, path: str, *, create: bool = False) -> None:
        """Raises AgentError: missing, foreign, denied, or root for a path that cannot be one. Group and others lose the right to write."""
        if not os.path.isabs(path):
            raise AgentError("root", f"the root {path!r} is not an absolute path", path=path)
        path = os.path.realpath(path)
        if len(os.fsencode(path)) > LONGEST_ROOT:
            raise AgentError("root", f"the root has {len(os.fsencode(path))} bytes; more than {LONGEST_ROOT} do not work", path=path)
        with naming(path):
            if create and not os.path.isdir(path):
                _make(path, 0o700)
            super().__init__(path, os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC))
        found = os.fstat(self.fd)
        if found.st_uid != os.geteuid():
            self.close()
            raise Foreign(path, f"belongs to user {found.st_uid}, not to user {os.geteuid()}")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            with naming(path):
                os.fchmod(self.fd, stat.S_IMODE(found.st_mode) & ~(stat.S_IWGRP | stat.S_IWOTH))
        self.digest = blake2b(os.fsencode(path), digest_size=32).hexdigest()[:16]
        self.compared: Dict[str, Identity] = {}
        self.unbroken: Dict[str, Mapping[bytes, Identity]] = {}
        self.replaced = False
        self.documents: Dict[int, Tuple[Identity, Dict[str, Any]]] = {}

    def __enter__(self) -> Root:
        return self

    @contextmanager
    def host_lock(self, timeout_seconds: float = 30.0) -> Iterator[None]:
        """Held around "decide and apply". Not re-entrant. Raises AgentError `busy` when another holds it longer than `timeout_seconds`."""
        lock = self._lock(HOST_LOCK, timeout_seconds)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def proxy_lock(self, timeout_seconds: float = 30.0) -> Iterator[None]:
        """Held while the sites of the proxy that has this root change. Raises AgentError `busy`."""
        lock = self._lock(PROXY_LOCK, timeout_seconds)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def sending_lock(self, timeout_seconds: float = 0.0) -> Iterator[None]:
        """Held by the one process that sends this host's notifications. Raises AgentError `busy`."""
        lock = self._lock(SENDING_LOCK, timeout_seconds)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def copying_lock(self, timeout_seconds: float = 0.0) -> Iterator[None]:
        """Held by whoever sends copies of restore points elsewhere. Raises AgentError `busy`."""
        lock = self._lock(COPYING_LOCK, timeout_seconds)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def prune_lock(self, timeout_seconds: float = 30.0) -> Iterator[None]:
        """Held by whoever removes what nothing needs any more. Raises AgentError `busy`."""
        lock = self._lock(PRUNE_LOCK, timeout_seconds)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def restore_lock(self, timeout_seconds: float = 0.0) -> Iterator[None]:
        """Held by the one process that puts data back before this host goes back. Raises AgentError `busy`."""
        lock = self._lock(RESTORE_LOCK, timeout_seconds)
        try:
            yield
        finally:
            lock.release()

    def supervisor_lock(self, timeout_seconds: float = 1.0) -> Lock:
        """Held by the one daemon of this root for as long as it lives. Raises AgentError `busy` when there is one."""
        return self._lock(SUPERVISOR_LOCK, timeout_seconds)

    def supervised(self) -> bool:
        """Whether a daemon holds this root now."""
        try:
            self._lock(SUPERVISOR_LOCK, 0.0, fcntl.LOCK_SH).release()
        except AgentError as error:
            if error.code == "busy":
                return True
            raise
        return False

    def await_supervisor(self) -> None:
        """Return when no daemon holds this root any more. Waits as long as that takes, and costs nothing meanwhile."""
        with self.at("run", create=True, mode=0o700) as run:
            fd = run.file(SUPERVISOR_LOCK, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        finally:
            os.close(fd)

    def socket_folder(self) -> str:
        """The directory for sockets that others dial by path: made, 0700, and checked to be ours. Raises Foreign otherwise."""
        if len(os.fsencode(self.path)) <= SHORT_ROOT:
            with self.at("run", create=True, mode=0o700) as run, run.at("s", create=True, mode=0o700) as inside:
                return inside.path
        with _common_place() as place, place.at(_own_name(), create=True, mode=0o700) as own:
            if stat.S_IMODE(os.fstat(own.fd).st_mode) & 0o077:
                raise Foreign(own.path, "can be entered by other users")
            with own.at(self.digest, create=True, mode=0o700) as inside:
                return inside.path

    def remove_socket_folder(self) -> None:
        """Take away what `socket_folder` made; nothing where it made nothing."""
        if len(os.fsencode(self.path)) <= SHORT_ROOT:
            if self.stat("run/s") is not None:
                self.remove("run/s")
            return
        with _common_place() as place:
            if place.stat(_own_name()) is not None:
                with place.at(_own_name()) as own:
                    own.remove(self.digest)

    def bind(self, name: str) -> socket:
        """A datagram socket at `run/<name>`, not blocking. Whoever calls holds the supervisor's lock: an old socket there is replaced."""
        from shipway_agent import sockets

        with self.at("run", create=True, mode=0o700) as run:
            run.unlink(name)
            bound = sockets.socket(sockets.AF_UNIX, sockets.SOCK_DGRAM | sockets.SOCK_CLOEXEC | sockets.SOCK_NONBLOCK)
            try:
                with naming(run.full(name)):
                    bound.bind(f"/proc/self/fd/{run.fd}/{name}")
            except BaseException:
                bound.close()
                raise
            return bound

    def send(self, name: str, data: bytes) -> bool:
        """Send a datagram to `run/<name>`. Never waits: False where nobody listens or the listener's queue is full."""
        from shipway_agent import sockets  # not by a login that only looks

        kind = sockets.SOCK_DGRAM | sockets.SOCK_CLOEXEC | sockets.SOCK_NONBLOCK
        with self.at("run", create=True, mode=0o700) as run, sockets.socket(sockets.AF_UNIX, kind) as sender:
            try:
                sender.sendto(data, f"/proc/self/fd/{run.fd}/{name}")
            except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
                return False
            return True

    def _lock(self, name: str, timeout_seconds: float, kind: int = fcntl.LOCK_EX) -> Lock:
        with self.at("run", create=True, mode=0o700) as run:
            fd = run.file(name, os.O_RDWR | os.O_CREAT)
        until = time.monotonic() + timeout_seconds
        pause = 0.001
        while True:
            try:
                fcntl.flock(fd, kind | fcntl.LOCK_NB)
                return Lock(fd)
            except BlockingIOError:
                if time.monotonic() >= until:
                    os.close(fd)
                    path = f"{self.path}/run/{name}"
                    raise AgentError("busy", f"{path} is held by another process (lslocks names it)", path=path) from None
            time.sleep(pause)
            pause = min(0.05, pause * 2)


class Lock:
    """A held lock. It ends with `release` or with the last process that has `fd`; made inheritable, it survives exec."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def release(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _make(path: str, mode: int) -> None:
    """Make a directory, and those above it that lack; each is on disk before anything is put into it."""
    above = os.path.dirname(path)
    if not os.path.isdir(above):
        _make(above, 0o777)
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        return
    try:
        fd = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return  # a folder that we may write to and not read: it cannot be synced
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _common_place() -> Folder:
    with naming(COMMON_PLACE):
        return Folder(COMMON_PLACE, os.open(COMMON_PLACE, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))


def _own_name() -> str:
    return f"shipway-{os.geteuid()}"
