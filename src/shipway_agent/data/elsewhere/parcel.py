"""A restore point in, one file out that holds all of it, and back: a tar, so that it can be unpacked where Shipway is not.

`about.json` comes first. Who reads one trusts no name in it: paths are plain and below the point, and no link is followed.
"""

from __future__ import annotations

import os
import stat
import tarfile
from typing import Callable, Iterable, Iterator, Optional, Tuple

from shipway_agent.data.content import CHUNK
from shipway_agent.data.points import ABOUT
from shipway_agent.errors import AgentError, naming
from shipway_agent.folder import Folder
from shipway_agent.walk import walk

ENDING = ".tar"


def packed(point: Folder) -> Iterator[bytes]:
    """The bytes of the file. Raises AgentError where the point is taken away meanwhile."""
    yield from _entry(point, os.fsencode(ABOUT), point, os.fsencode(ABOUT), None)
    for path, place, name, info in walk(point):
        if path != os.fsencode(ABOUT):
            yield from _entry(point, path, place, name, info)
    yield bytes(2 * tarfile.BLOCKSIZE)


def unpack(content: Iterable[bytes], into: Folder, at: Callable[[int], None]) -> None:
    """Write what such a file holds into an empty directory; `at` hears how many bytes were read. Raises AgentError `copy-damaged`."""
    stream = _Stream(content, at)
    try:
        with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as archive:  # type: ignore[call-overload]  # all that it does is read
            for member in archive:
                _make(archive, member, into)
        while stream.read(CHUNK):
            pass
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise AgentError("copy-damaged", f"the copy cannot be unpacked: {error}") from None


class _Stream:
    """What tarfile reads from."""

    def __init__(self, content: Iterable[bytes], at: Callable[[int], None]) -> None:
        self._content = iter(content)
        self._at = at
        self._rest = b""
        self._read = 0

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            part = next(self._content, None)
            if part is None:
                break
            self._rest += part
            self._read += len(part)
            self._at(self._read)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def _entry(point: Folder, path: bytes, place: Folder, name: bytes, info: Optional[os.stat_result]) -> Iterator[bytes]:
    entry = tarfile.TarInfo(os.fsdecode(path))
    if info is not None and stat.S_ISDIR(info.st_mode):
        entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o700, int(info.st_mtime)
        yield _header(entry)
        return
    if info is not None and stat.S_ISLNK(info.st_mode):
        entry.type, entry.mode, entry.linkname = tarfile.SYMTYPE, 0o777, os.fsdecode(os.readlink(name, dir_fd=place.fd))
        yield _header(entry)
        return
    fd = place.file(name)
    try:
        found = os.fstat(fd)
        entry.size, entry.mode, entry.mtime = found.st_size, 0o600, int(found.st_mtime)
        yield _header(entry)
        read = 0
        while read < entry.size:
            part = os.read(fd, min(CHUNK, entry.size - read))
            if not part:
                raise AgentError("point-damaged", f"{point.full(path)} became shorter while it was read")
            read += len(part)
            yield part
        yield bytes(-entry.size % tarfile.BLOCKSIZE)
    finally:
        os.close(fd)


def _header(entry: tarfile.TarInfo) -> bytes:
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _make(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Folder) -> None:
    above, name = _where(member.name)
    if member.isdir():
        into.at(f"{above}/{name}" if above else name, create=True, mode=0o700, sync=False).close()
        return
    with into.at(above) as place, naming(place.full(name)):
        if member.issym():
            os.symlink(os.fsencode(member.linkname), os.fsencode(name), dir_fd=place.fd)
            return
        source = archive.extractfile(member) if member.isfile() else None
        if source is None:
            raise AgentError("copy-damaged", f"the copy holds {member.name!r}, which is none of the things that a restore point is made of")
        fd = place.file(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with open(fd, "wb", CHUNK) as target:
            while part := source.read(CHUNK):
                target.write(part)
            target.flush()
            os.fsync(fd)


def _where(path: str) -> Tuple[str, str]:
    """The directory and the name; Folder refuses what is no plain path."""
    above, _, name = path.rstrip("/").rpartition("/")
    if not name or path.startswith("/"):
        raise AgentError("copy-damaged", f"the copy holds {path!r}, which is no plain path")
    return above, name
