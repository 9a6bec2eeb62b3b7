"""A directory opened once in; reads and writes below it out, through descriptors that follow no symbolic link."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import contextmanager

from shipway_agent.errors import AgentError, Foreign, Missing, from_os, naming
from shipway_agent.typed import Callable, Iterator, List, Optional, Sequence, Tuple, Union

Name = Union[str, bytes]
NEW = ".new-"
OLD = ".old-"
MOST_BYTES = 64 * 1024 * 1024


class Folder:
    """An open directory. `relative` below is a path of plain names; each directory on it must be a real one and belong to this user.

    Everything raises AgentError naming the full path: Missing, Exists, Foreign, or the codes of `errors.from_os`.
    What is put in place is on disk when the call returns: written aside, synced, renamed, directory synced.
    """

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = fd

    @property
    def name(self) -> str:
        """The last part of the path it was opened under."""
        return self.path.rpartition("/")[2]

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def at(self, relative: Name, *, create: bool = False, mode: int = 0o755, sync: bool = True) -> Folder:
        """The directory `relative`, open; the caller closes it. With `create`, made where it lacks, with exactly `mode`.

        Without `sync` the caller makes the new names durable.
        """
        folder = Folder(self.path, os.dup(self.fd))
        try:
            for name in _parts(relative):
                inner = _enter(folder, name, mode if create else None, sync)
                folder.close()
                folder = inner
        except BaseException:
            folder.close()
            raise
        return folder

    def file(self, relative: Name, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
        """A descriptor of the regular file `relative`; the caller closes it. `flags` as of open(2); made with `mode` under O_CREAT."""
        with self._parent(relative) as (fd, name), naming(self.full(relative)):
            # Not blocking: a named pipe that somebody put here must not hold us.
            file = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, mode, dir_fd=fd)
        try:
            _ours(os.fstat(file), self.full(relative), stat.S_ISREG, "is not a regular file")
            os.set_blocking(file, True)
        except BaseException:
            os.close(file)
            raise
        return file

    def open_file(self, name: Name) -> int:
        """As `file`, for one plain name in this very directory, to be read: with nothing that a loop over 2,000 of them would pay for."""
        try:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=self.fd)
        except OSError as error:
            raise from_os(error, self.full(name)) from error
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            os.close(file)
            _ours(found, self.full(name), stat.S_ISREG, "is not a regular file")
        return file

    def open_folder(self, name: Name) -> int:
        """As `at`, for one plain name in this very directory, and as bare as `open_file`: a descriptor, which the caller closes."""
        fd = _open_folder(self, name)
        found = os.fstat(fd)
        if found.st_uid != os.geteuid():
            os.close(fd)
            _ours(found, self.full(name), stat.S_ISDIR, "is not a directory")
        return fd

    def read(self, relative: Name, most_bytes: int = MOST_BYTES) -> bytes:
        """The content. A file of more than `most_bytes` is refused: code `too-long`."""
        with naming(self.full(relative)), os.fdopen(self.file(relative), "rb") as file:
            data = file.read(most_bytes + 1)
        if len(data) > most_bytes:
            raise AgentError("too-long", f"{self.full(relative)} is longer than {most_bytes} bytes", path=self.full(relative))
        return data

    def write(self, relative: Name, data: bytes, mode: int = 0o600) -> None:
        """Put `data` in place in one rename; readers see the old content or the new."""
        with self._parent(relative) as (fd, name), naming(self.full(relative)):
            aside = _aside(NEW)
            try:
                write_file(fd, aside, data, mode)
                os.rename(aside, name, src_dir_fd=fd, dst_dir_fd=fd)
            except BaseException:
                _forget(fd, aside)
                raise
            os.fsync(fd)

    def ensure_file(self, relative: Name, mode: int = 0o600) -> None:
        """Have an empty file there unless one is there already; the file itself is never opened. Raises Foreign for anything else."""
        with self._parent(relative) as (fd, name), naming(self.full(relative)):
            try:
                os.stat(name, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                aside = _aside(NEW)
                try:
                    write_file(fd, aside, b"", mode)
                    os.link(aside, name, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
                    os.fsync(fd)
                except FileExistsError:
                    pass  # another was quicker
                finally:
                    _forget(fd, aside)
            _ours(os.stat(name, dir_fd=fd, follow_symlinks=False), self.full(relative), stat.S_ISREG, "is not a regular file")

    def link(self, relative: Name, target: Name) -> None:
        """Make `relative` a symbolic link to `target` in one rename."""
        with self._parent(relative) as (fd, name), naming(self.full(relative)):
            aside = _aside(NEW)
            os.symlink(target, aside, dir_fd=fd)
            try:
                os.rename(aside, name, src_dir_fd=fd, dst_dir_fd=fd)
            except BaseException:
                _forget(fd, aside)
                raise
            os.fsync(fd)

    def read_link(self, relative: Name) -> Optional[bytes]:
        """Where the symbolic link points; None where nothing is. Anything else there is Foreign."""
        with self._parent(relative) as (fd, name), naming(self.full(relative)):
            try:
                return os.readlink(os.fsencode(name), dir_fd=fd)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno == errno.EINVAL:
                    raise Foreign(self.full(relative), "is not a symbolic link") from None
                raise

    def stat(self, relative: Name) -> Optional[os.stat_result]:
        """What is there, not following a link; None where nothing is."""
        try:
            with self._parent(relative) as (fd, name), naming(self.full(relative)):
                return os.stat(name, dir_fd=fd, follow_symlinks=False)
        except Missing:
            return None

    def names(self, relative: Name = "") -> List[str]:
        """The names in a directory, sorted; none where it does not exist."""
        try:
            with self.at(relative) as folder, naming(self.full(relative)):
                # Another open description: the position in a directory belongs to it, and threads share ours.
                own = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder.fd)
                try:
                    return sorted(os.listdir(own))
                finally:
                    os.close(own)
        except Missing:
            return []

    def rename(self, source: Name, target: Name) -> None:
        """Move within this directory, over whatever file is there."""
        with self._parent(source) as (fd, name), self._parent(target) as (to_fd, to_name), naming(self.full(target)):
            os.rename(name, to_name, src_dir_fd=fd, dst_dir_fd=to_fd)
            os.fsync(to_fd)
            if fd != to_fd:
                os.fsync(fd)

    def exchange(self, one: Name, other: Name) -> None:
        """Swap two names at once, so that neither is ever missing."""
        with self._parent(one) as (fd, name), self._parent(other) as (to_fd, to_name), naming(self.full(other)):
            import ctypes  # few ever swap

            swap = 2  # RENAME_EXCHANGE; Python has no name for it
            if ctypes.CDLL(None, use_errno=True).renameat2(fd, os.fsencode(name), to_fd, os.fsencode(to_name), swap) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
            os.fsync(fd)
            os.fsync(to_fd)

    def unlink(self, relative: Name) -> bool:
        """Remove a file, link or socket; False where nothing was."""
        with self._parent(relative) as (fd, name), naming(self.full(relative)):
            try:
                os.unlink(name, dir_fd=fd)
            except FileNotFoundError:
                return False
            os.fsync(fd)
            return True

    def remove(self, relative: Name) -> bool:
        """Remove a file or a whole tree, whatever its modes; False where nothing was. Gone under its name at once, then piece by piece."""
        with self._parent(relative) as (fd, name), naming(self.full(relative)):
            aside = _aside(OLD)
            try:
                os.rename(name, aside, src_dir_fd=fd, dst_dir_fd=fd)
            except FileNotFoundError:
                return False
            os.fsync(fd)
            _remove_flat(fd, aside)
            return True

    @contextmanager
    def workshop(self) -> Iterator[Folder]:
        """A new directory in this one for what is not finished. Rename it to keep it, else it is removed at the end.

        It is locked while it is in use: what nobody holds is the rest of a killed session, and `sweep` takes it away.
        """
        while True:
            name = _aside(NEW)
            with self.at(name, create=True, mode=0o700) as inside:
                with naming(inside.path):
                    fcntl.flock(inside.fd, fcntl.LOCK_EX)
                if not _same(self.stat(name), os.fstat(inside.fd)):
                    continue  # swept between making and locking
                try:
                    yield inside
                finally:
                    self.remove(name)
                return

    @contextmanager
    def taken(self, name: Name, wanted: Callable[[Folder], bool]) -> Iterator[Optional[Folder]]:
        """The directory `name` as a workshop, if it is `wanted`. None where there is none or another has it, it is not wanted, or it cannot
        be looked at: then it stays where it is.
        """
        inside = self._take(name, wanted)
        if inside is None:
            yield None
            return
        with inside:
            try:
                yield inside
            finally:
                self.remove(inside.name)

    def sweep(self) -> int:
        """Remove what a killed session left half made or half removed here, and nobody holds; how many there were.

        For directories in which everything unfinished is a workshop: a file that `write` has aside is not held.
        """
        return sum(self._sweep(name) for name in self.names() if name.startswith((NEW, OLD)))

    def room(self) -> Tuple[int, int]:
        """Free bytes and inodes of the file system, for an ordinary user; -1 where it does not count inodes."""
        with naming(self.path):
            found = os.fstatvfs(self.fd)
        return found.f_bavail * found.f_frsize, found.f_favail if found.f_files else -1

    def sync(self) -> None:
        """Make names put here by hand durable."""
        with naming(self.path):
            os.fsync(self.fd)

    def full(self, relative: Name) -> str:
        """The path for people, whatever bytes are in it."""
        inner = os.fsencode(relative).decode("utf-8", "backslashreplace")
        return f"{self.path}/{inner}" if inner else self.path

    @contextmanager
    def _parent(self, relative: Name) -> Iterator[Tuple[int, Name]]:
        parts = _parts(relative)
        if not parts:
            raise AgentError("path", f"an empty path below {self.path}", path=self.path)
        if len(parts) == 1:
            yield self.fd, parts[0]
            return
        with self.at(b"/".join(os.fsencode(part) for part in parts[:-1])) as folder:
            yield folder.fd, parts[-1]

    def _take(self, name: Name, wanted: Callable[[Folder], bool]) -> Optional[Folder]:
        try:
            found = self.at(name)
        except AgentError:
            return None
        aside = _aside(NEW)
        inside = Folder(self.full(aside), found.fd)
        kept = False
        try:
            fcntl.flock(found.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if wanted(found):
                with naming(found.path):
                    os.rename(name, aside, src_dir_fd=self.fd, dst_dir_fd=self.fd)
                    os.fsync(self.fd)  # before it gets another name: a loss of power must not leave it under two
                kept = _same(self.stat(aside), os.fstat(found.fd))
                if not kept:
                    self.remove(aside)  # another was put in its place meanwhile
        except (BlockingIOError, AgentError):
            pass
        finally:
            if not kept:
                inside.close()
        return inside if kept else None

    def _sweep(self, name: str) -> bool:
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=self.fd)
        except FileNotFoundError:
            return False
        except OSError:
            return self.unlink(name)  # a link or a socket
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _same(self.stat(name), os.fstat(fd)):
                return False
            return self.remove(name)
        except BlockingIOError:
            return False
        finally:
            os.close(fd)


def write_file(dir_fd: int, name: Name, data: bytes, mode: int, *, sync: bool = True) -> None:
    """Make a new file in an open directory, with exactly `mode`. Raises OSError; the caller names the path and removes the rest."""
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=dir_fd)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fchmod(fd, mode)
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)


def plain(name: str) -> str:
    """The name itself, when it is one component of a path. Raises AgentError `path`."""
    if len(_parts(name)) != 1:
        raise AgentError("path", f"{name!r} is not a plain name", path=name)
    return name


def _enter(folder: Folder, name: Name, create_mode: Optional[int], sync: bool) -> Folder:
    path = folder.full(name)
    made = False
    if create_mode is not None:
        with naming(path):
            try:
                os.mkdir(name, 0o700, dir_fd=folder.fd)
                made = True
            except FileExistsError:
                pass
    fd = _open_folder(folder, name)
    inner = Folder(path, fd)
    try:
        _ours(os.fstat(fd), path, stat.S_ISDIR, "is not a directory")
        if made and create_mode is not None:
            with naming(path):
                os.fchmod(fd, create_mode)
                if sync:
                    os.fsync(folder.fd)
    except BaseException:
        inner.close()
        raise
    return inner


def _open_folder(folder: Folder, name: Name) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.fd)
    except OSError as error:
        if error.errno == errno.ENOTDIR and stat.S_ISLNK(os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_mode):
            raise Foreign(folder.full(name), "is a symbolic link") from None
        raise from_os(error, folder.full(name)) from error


def _parts(relative: Name) -> Sequence[Name]:
    raw = os.fsencode(relative)
    if not raw:
        return []
    parts = raw.split(b"/")
    if any(part in (b"", b".", b"..") or b"\0" in part for part in parts):
        shown = raw.decode("utf-8", "backslashreplace")
        raise AgentError("path", f"{shown!r} is not a plain path below the root", path=shown)
    return parts if isinstance(relative, bytes) else [os.fsdecode(part) for part in parts]


def _same(one: Optional[os.stat_result], other: os.stat_result) -> bool:
    return one is not None and (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _ours(found: os.stat_result, path: str, is_kind: object, otherwise: str) -> None:
    if callable(is_kind) and not is_kind(found.st_mode):
        raise Foreign(path, otherwise)
    if found.st_uid != os.geteuid():
        raise Foreign(path, f"belongs to user {found.st_uid}, not to user {os.geteuid()}")


def _aside(prefix: str) -> str:
    return prefix + os.urandom(8).hex()


def _forget(dir_fd: int, name: Name) -> None:
    try:
        os.unlink(name, dir_fd=dir_fd)
    except OSError:
        pass  # the fault that brought us here is the one to tell


def _remove_flat(dir_fd: int, name: Name) -> None:
    """Remove a tree of any depth with two descriptors: each directory found is first moved up beside the one that is emptied."""
    queue: List[Name] = [name]
    while queue:
        head = queue.pop()
        try:
            fd = os.open(head, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
        except NotADirectoryError:
            os.unlink(head, dir_fd=dir_fd)
            continue
        try:
            os.fchmod(fd, 0o700)
            with os.scandir(fd) as entries:
                inner = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
            for entry_name, is_directory in inner:
                if is_directory:
                    aside = _aside(OLD)
                    # Moving a directory rewrites its "..", for which the kernel asks write permission on it.
                    os.chmod(entry_name, 0o700, dir_fd=fd)
                    os.rename(entry_name, aside, src_dir_fd=fd, dst_dir_fd=dir_fd)
                    queue.append(aside)
                else:
                    os.unlink(entry_name, dir_fd=fd)
        finally:
            os.close(fd)
        os.rmdir(head, dir_fd=dir_fd)
