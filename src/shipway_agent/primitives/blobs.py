"""Content in, a file named by its digest out. `blobs/` is shared by all releases of a root: what is there need not travel again."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from functools import partial
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Sequence, Tuple

from shipway_agent.durable import start_writing, sync_all
from shipway_agent.errors import AgentError, Missing, naming
from shipway_agent.folder import Folder
from shipway_agent.manifest import digest_of
from shipway_agent.primitives import Context
from shipway_agent.root import Root

FOLDER = "blobs"
CHUNK = 1 << 20
PART_BYTES = 4 << 20
"""Most of a blob in one answer."""

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC

Wanted = Tuple[str, bool, int]
"""Digest, executable, size in bytes."""


def lack(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Which of the blobs are not here. One that is here with the other mode is copied: a changed mode sends no bytes."""
    wanted = [(digest_of(digest), bool(executable)) for digest, executable in args["blobs"]]
    lacking: List[List[Any]] = []
    with context.root.at(FOLDER, create=True) as folder:
        here = {name for shelf in folder.names() if not shelf.startswith(".") for name in folder.names(shelf)}
        for digest, executable in wanted:
            if name_of(digest, executable) in here:
                continue
            if name_of(digest, not executable) not in here or not _copy_twin(context.root, digest, executable):
                lacking.append([digest, executable])
    return {"lacking": lacking}


def put(context: Context, args: Mapping[str, Any], body: Iterable[bytes]) -> Dict[str, Any]:
    """Keep one blob: from `body`, or from the file of this machine that `link` names. Raises AgentError `flipped` for other content."""
    size = int(args["size"])
    if args.get("link"):
        with naming(str(args["link"])), open(str(args["link"]), "rb") as file:
            return _store(context.root, [(digest_of(args["digest"]), bool(args["executable"]), size)], iter(lambda: file.read(CHUNK), b""))
    return put_many(context, {"blobs": [[args["digest"], args["executable"], size]], "packing": args.get("packing", "")}, body)


def put_many(context: Context, args: Mapping[str, Any], body: Iterable[bytes]) -> Dict[str, Any]:
    """Keep many blobs, whose contents follow each other in `body`; all of them, or none when one is not what its digest says."""
    wanted = [(digest_of(digest), bool(executable), int(size)) for digest, executable, size in args["blobs"]]
    packing = args.get("packing", "")
    if packing not in ("", "zlib"):
        raise AgentError("packing", f"this agent cannot unpack {packing!r}")
    return _store(context.root, wanted, _unpacked(body) if packing else body)


def name_of(digest: str, executable: bool) -> str:
    """The file name of a blob: executable content has a file of its own, for links share their mode."""
    return f"{digest}.x" if executable else digest


def shelf_of(digest: str) -> str:
    """The directory below `blobs` that a blob lies in."""
    return digest[:2]


def read(root: Root, digest: str) -> bytes:
    """A small blob's content, verified. Raises Missing, or AgentError `flipped`."""
    with root.at(FOLDER) as folder:
        data = folder.read(f"{shelf_of(digest)}/{name_of(digest, False)}")
    if hashlib.blake2b(data, digest_size=32).hexdigest() != digest:
        raise AgentError("flipped", f"blob {digest} on this host is damaged", digest=digest)
    return data


def get(root: Root, args: Mapping[str, Any]) -> Dict[str, Any]:
    """A part of one blob from `offset` on, for a member that lacks it: {"size": of the whole, "data": base64}. Raises Missing."""
    digest, executable = digest_of(args["digest"]), bool(args["executable"])
    with root.at(f"{FOLDER}/{shelf_of(digest)}") as shelf, naming(shelf.path):
        fd = os.open(name_of(digest, executable), READ, dir_fd=shelf.fd)
        try:
            data = os.pread(fd, PART_BYTES, max(0, int(args.get("offset", 0))))
            return {"size": os.fstat(fd).st_size, "data": base64.b64encode(data).decode()}
        finally:
            os.close(fd)


def digest_of_file(fd: int) -> Tuple[str, int]:
    """Digest and size of the rest of an open file."""
    hashing, size = hashlib.blake2b(digest_size=32), 0
    while True:
        part = os.read(fd, CHUNK)
        if not part:
            return hashing.hexdigest(), size
        hashing.update(part)
        size += len(part)


def _store(root: Root, wanted: Sequence[Wanted], body: Iterable[bytes]) -> Dict[str, Any]:
    """Write all aside, then sync all, then give all their names, then sync the directories.

    A name is given only to content that is on disk, and the answer only when the names are: no blob under its name is ever
    half there, also after a loss of power.
    """
    with root.at(FOLDER, create=True) as folder:
        folder.sweep()
        free_bytes, free_inodes = folder.room()
        total = sum(size for _, _, size in wanted)
        if total > free_bytes or (0 <= free_inodes < len(wanted)):
            what = f"{len(wanted)} files with {total} bytes are to come; {free_bytes} bytes and {free_inodes} inodes are free"
            raise AgentError("disk-full", f"{folder.path}: {what}", path=folder.path, free_bytes=free_bytes, free_inodes=free_inodes)
        with folder.workshop() as workshop, naming(folder.path):
            _write_all(workshop, wanted, body)
            names = sorted({name_of(digest, executable) for digest, executable, _ in wanted})
            sync_all(partial(os.open, name, READ, dir_fd=workshop.fd) for name in names)
            shelves = sorted({shelf_of(name) for name in names})
            for shelf in shelves:
                folder.at(shelf, create=True, sync=False).close()
            for name in names:
                os.rename(name, f"{shelf_of(name)}/{name}", src_dir_fd=workshop.fd, dst_dir_fd=folder.fd)
            sync_all(partial(os.open, shelf, READ | os.O_DIRECTORY, dir_fd=folder.fd) for shelf in [*shelves, "."])
    return {"stored": len(wanted)}


def _write_all(workshop: Folder, wanted: Sequence[Wanted], body: Iterable[bytes]) -> None:
    parts = _Parts(body)
    for digest, executable, size in wanted:
        name = name_of(digest, executable)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, 0o600, dir_fd=workshop.fd)
        try:
            hashing = hashlib.blake2b(digest_size=32)
            for part in parts.take(size):
                hashing.update(part)
                view = memoryview(part)
                while view:
                    view = view[os.write(fd, view) :]
            if hashing.hexdigest() != digest:
                raise AgentError("flipped", f"what arrived as blob {digest} is something else; nothing was kept", digest=digest)
            os.fchmod(fd, 0o555 if executable else 0o444)
            start_writing(fd)
        finally:
            os.close(fd)
    if parts.more():
        raise AgentError("body", "more bytes arrived than were announced; nothing was kept")


class _Parts:
    """A stream of bytes, handed out in pieces of the sizes asked for."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = filter(None, body)
        self._rest = memoryview(b"")

    def take(self, size: int) -> Iterator[memoryview]:
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
        return bool(self._rest) or any(True for _ in self._body)


def _unpacked(body: Iterable[bytes]) -> Iterator[bytes]:
    """Undo zlib, never more than CHUNK bytes at a time: whoever reads stops where the announced sizes end."""
    unpacking = zlib.decompressobj()
    try:
        for packed in body:
            while packed:
                part = unpacking.decompress(packed, CHUNK)
                packed = unpacking.unconsumed_tail
                if part:
                    yield part
                elif unpacking.eof:
                    break
        if not unpacking.eof:
            raise AgentError("body", "the packed body ends early; nothing was kept")
    except zlib.error as error:
        raise AgentError("body", f"the packed body is damaged: {error}; nothing was kept") from None


def _copy_twin(root: Root, digest: str, executable: bool) -> bool:
    with root.at(f"{FOLDER}/{shelf_of(digest)}") as shelf:
        try:
            fd = shelf.file(name_of(digest, not executable))
        except Missing:
            return False
        with os.fdopen(fd, "rb") as file:
            size = os.fstat(fd).st_size
            try:
                _store(root, [(digest, executable, size)], iter(lambda: file.read(CHUNK), b""))
            except AgentError as error:
                if error.code == "flipped":
                    return False
                raise
            return True
