"""Content in, blobs under their names out: all that arrives together is written aside, verified, synced together and only then named.

Each byte is compared with its digest on its way to the disk. Whoever links such a blob in this process need not read it back (`compared` of
the root): what comes back at once is the kernel's copy of what was written, and says nothing about the disk.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from functools import partial

from shipway_agent.blake import blake2b
from shipway_agent.durable import start_writing, sync_all
from shipway_agent.errors import AgentError, Missing, naming
from shipway_agent.folder import Folder
from shipway_agent.identity import Identity, age
from shipway_agent.root import Root
from shipway_agent.typed import Dict, Iterator, Optional, Set, Union

FOLDER = "blobs"
CHUNK = 1 << 20
SMALL_BYTES = 64 << 10
"""A file of so many bytes is begun to be written when it is synced: to ask for each before costs more than the disk gains."""

AHEAD = 64
"""Files that are worth a pass of fsync of their own, while more is waited for."""

MOST_COMPARED = 20_000
"""Blobs that a process remembers as compared, some 10 MB; what comes behind them is read back."""

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def name_of(digest: str, executable: bool) -> str:
    """The file name of a blob: executable content has a file of its own, for links share their mode."""
    return f"{digest}.x" if executable else digest


def mode_of(executable: bool) -> int:
    """The mode of a blob: nobody writes to it, also who owns it."""
    return 0o555 if executable else 0o444


def shelf_of(digest: str) -> str:
    """The directory below `blobs` that a blob lies in."""
    return digest[:2]


def path_of(digest: str, executable: bool) -> str:
    """Where a blob lies below `blobs`."""
    return f"{digest[:2]}/{digest}.x" if executable else f"{digest[:2]}/{digest}"


def names_in(store: Folder) -> Iterator[str]:
    """The file names of all blobs, shelf by shelf. Raises Foreign for a shelf that is none of ours."""
    with naming(store.path):
        for shelf in store.names():
            if not shelf.startswith("."):
                fd = store.open_folder(shelf)
                try:
                    yield from os.listdir(fd)
                finally:
                    os.close(fd)


@contextmanager
def intake(root: Root, count: int, size: int) -> Iterator[Intake]:
    """For `count` blobs with `size` bytes in all: what was verified in the block stands under its name behind it, or nothing of it.

    A name is given only to content that is on disk, and the block ends only when the names are: no blob under its name is ever
    half there, also after a loss of power. Raises AgentError `disk-full` before anything is written where they cannot fit.
    """
    with root.at(FOLDER, create=True) as folder:
        folder.sweep()
        free_bytes, free_inodes = folder.room()
        if size > free_bytes or (0 <= free_inodes < count):
            what = f"{count} files with {size} bytes are to come; {free_bytes} bytes and {free_inodes} inodes are free"
            raise AgentError("disk-full", f"{folder.path}: {what}", path=folder.path, free_bytes=free_bytes, free_inodes=free_inodes)
        with folder.workshop() as workshop, naming(folder.path):
            arriving = Intake(folder, workshop)
            yield arriving
            root.compared.update(arriving.settle(MOST_COMPARED - len(root.compared)))
            root.replaced = root.replaced or arriving.replaced


class Intake:
    """Blobs on their way in. `names` are the file names of those that are whole, and which file each is, as far as that is remembered.
    `replaced` tells, once all is settled, whether one took the place of a damaged one.
    """

    def __init__(self, folder: Folder, workshop: Folder) -> None:
        self.folder = folder
        self.names: Dict[str, Optional[Identity]] = {}
        self._workshop = workshop
        self.replaced = False
        self._synced: Set[str] = set()

    def begin(self, digest: str, executable: bool) -> Incoming:
        """A blob whose content comes now. What had come under that name before is no more."""
        name = name_of(digest, executable)
        if name in self.names:
            del self.names[name]
            self._synced.discard(name)
            os.unlink(name, dir_fd=self._workshop.fd)
        return Incoming(self, digest, executable, os.open(name, WRITE, mode_of(executable), dir_fd=self._workshop.fd))

    def sync_ahead(self) -> None:
        """Bring to disk what is whole and is not there yet, where it is worth it: that much less is left for the end."""
        waiting = self.names.keys() - self._synced
        if len(waiting) >= AHEAD:
            sync_all(partial(os.open, name, READ, dir_fd=self._workshop.fd) for name in sorted(waiting))
            self._synced |= waiting

    def settle(self, most: int) -> Dict[str, Identity]:
        """Sync all, give all their names, sync the directories. What stands under a name already stays, for trees are linked to it.

        At `most` so many of those that got their name now.
        """
        here = self._here()
        names = sorted(name for name in self.names if name not in here or not self._stands(name))
        self.replaced = not here.isdisjoint(names)
        sync_all(partial(os.open, name, READ, dir_fd=self._workshop.fd) for name in names if name not in self._synced)
        shelves = sorted({shelf_of(name) for name in names})
        for shelf in shelves:
            self.folder.at(shelf, create=True, sync=False).close()
        for name in names:
            os.rename(name, f"{shelf_of(name)}/{name}", src_dir_fd=self._workshop.fd, dst_dir_fd=self.folder.fd)
        sync_all(partial(os.open, shelf, READ | os.O_DIRECTORY, dir_fd=self.folder.fd) for shelf in [*shelves, "."] if names)
        known = [(name, file) for name in names if (file := self.names[name]) is not None]
        return dict(known[: max(0, most)])

    def _here(self) -> Set[str]:
        """What stands on the shelves that these blobs belong on: of a bare host nothing, which is not worth a look for each."""
        found: Set[str] = set()
        for shelf in {shelf_of(name) for name in self.names}.intersection(self.folder.names()):
            found.update(self.folder.names(shelf))
        return found

    def _stands(self, name: str) -> bool:
        """Whether this very content is there: it is read, for what is damaged must be replaced."""
        try:
            with os.fdopen(self.folder.file(f"{shelf_of(name)}/{name}"), "rb", buffering=0) as there:
                hashing = blake2b(digest_size=32)
                while part := there.read(CHUNK):
                    hashing.update(part)
        except Missing:
            return False
        return hashing.hexdigest() == name.partition(".")[0]


class Incoming:
    """One blob that is being written; closed by `end`, or by `close` where it comes to nothing."""

    def __init__(self, intake: Intake, digest: str, executable: bool, fd: int) -> None:
        self.digest = digest
        self.executable = executable
        self.size = 0
        self._intake = intake
        self._fd = fd
        self._hashing = blake2b(digest_size=32)

    def write(self, part: Union[bytes, memoryview]) -> None:
        """The next bytes of it."""
        self._hashing.update(part)
        self.size += len(part)
        view = memoryview(part)
        while view:
            view = view[os.write(self._fd, view) :]

    def end(self) -> bool:
        """No more comes. False, and nothing is kept, where it is not what its digest says."""
        whole = self._hashing.hexdigest() == self.digest
        if whole:
            found, mode, names = os.fstat(self._fd), mode_of(self.executable), self._intake.names
            if stat.S_IMODE(found.st_mode) != mode:
                os.fchmod(self._fd, mode)  # what the user's mask took from it
            names[name_of(self.digest, self.executable)] = aged(self._fd) if len(names) < MOST_COMPARED else None
            if self.size > SMALL_BYTES:
                start_writing(self._fd)
        self.close()
        return whole

    def close(self) -> None:
        """Forget it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def aged(fd: int) -> Optional[Identity]:
    """Which file it is, made older than any later write to it (identity.py); None where that cannot be."""
    try:
        return age(fd)
    except OSError:
        return None  # a file system without times of its own: it is read back


def flipped(digest: str) -> AgentError:
    """The refusal of content that is not what it was said to be."""
    return AgentError("flipped", f"what arrived as blob {digest} is something else; nothing was kept", digest=digest)
