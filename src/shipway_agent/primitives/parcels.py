"""Parcels in, the blobs in them out. They are kept in `parcels/` while they arrive, so that a cut costs only the one on its way."""

from __future__ import annotations

import os
from contextlib import contextmanager

from shipway_agent.body import Parts
from shipway_agent.errors import AgentError, Missing, naming
from shipway_agent.folder import Folder
from shipway_agent.identity import SIZE, Identity, identity
from shipway_agent.manifest import digest_of, is_digest
from shipway_agent.parcel import MOST_BYTES, RECORD, Piece, damaged, name_of, pieces
from shipway_agent.primitives import Context
from shipway_agent.primitives import intake as store
from shipway_agent.primitives.intake import Incoming, Intake, aged, flipped, intake
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, Iterable, Iterator, List, Mapping, Optional

FOLDER = "parcels"
COPY_BYTES = 1 << 20


def take(context: Context, args: Mapping[str, Any], body: Iterable[bytes]) -> Dict[str, Any]:
    """Unpack the parcels that the body has or names (`parcel.RECORD`), in its order: what `unpack` answers.

    `count` and `size` are of the blobs in them, for the room that they need. With `keep` each parcel that arrives is kept until all are
    unpacked; with `stay` also then, for other hosts, until `prune`.
    """
    root, size = context.root, int(args["size"])
    names: List[str] = []
    arriving = _arriving(root, Parts(body), bool(args.get("keep")) and root.room()[0] > 2 * size, names)
    answer = unpack(root, arriving, count=int(args["count"]), size=size)
    if not args.get("stay"):
        forget(root, names)
    return answer


def unpack(root: Root, parcels: Iterable[Optional[bytes]], *, count: int, size: int) -> Dict[str, Any]:
    """Keep every blob in `parcels`, each verified: {"stored": how many, "lacking": [[digest, executable]…]}. None among them says that the
    next has not come yet: what is whole is brought to disk meanwhile.

    A blob that is cut into pieces has them in parcels that follow each other. Lacking are those that were to be made from a blob which is
    not here or is damaged: they are to be sent whole. Raises AgentError: `parcel`, `flipped`, `disk-full`; then nothing of all is kept.
    """
    with _leaving_room(root), intake(root, count, size) as arriving:
        unpacking = _Unpacking(root, arriving, size)
        try:
            for data in parcels:
                if data is None:
                    arriving.sync_ahead()
                    continue
                for piece in pieces(data):
                    unpacking.take(piece)
            unpacking.end()
        finally:
            unpacking.close()
        stored = len(arriving.names)
    return {"stored": stored, "lacking": unpacking.lacking}


def kept(root: Root) -> List[str]:
    """The names of the parcels that are here."""
    return [name for name in root.names(FOLDER) if is_digest(name)]


def keep(root: Root, name: str, data: bytes, *, compared: bool = False) -> Optional[Identity]:
    """Have a parcel here; which file it is, where the file system tells. Raises AgentError `flipped` for bytes that are not what its name
    says, which whoever has `compared` them knows.

    It is not synced: it is compared with its name when another process reads it, and one that a loss of power took is brought again.
    """
    if not compared and name_of(data) != digest_of(name):
        raise AgentError("flipped", f"what arrived as parcel {name} is something else; nothing of it was kept", digest=name)
    with _leaving_room(root), root.at(FOLDER, create=True, mode=0o700, sync=False) as folder, naming(folder.path):
        aside = f".new-{os.urandom(8).hex()}"
        try:
            file = _write(folder, aside, data)
            os.rename(aside, name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
        except BaseException:
            _unlink(folder, aside)
            raise
    return file


def read(root: Root, name: str, known: Optional[Identity] = None) -> bytes:
    """A parcel that is kept here; one that is the very file that `keep` wrote (`known`) is not compared once more.

    Raises AgentError `parcel-gone` where it is not here or not whole; a damaged one is taken away.
    """
    try:
        with root.at(FOLDER) as folder, os.fdopen(folder.open_file(digest_of(name)), "rb", buffering=0) as file, naming(folder.path):
            found = identity(os.fstat(file.fileno()))
            data = file.read(MOST_BYTES)
    except Missing:
        raise AgentError("parcel-gone", f"parcel {name} is not on this host any more", digest=name) from None
    if (found != known or len(data) != found[SIZE]) and name_of(data) != name:
        forget(root, [name])
        raise AgentError("parcel-gone", f"parcel {name} is damaged on this host's disk; it was taken away", digest=name)
    return data


def forget(root: Root, names: Optional[Iterable[str]] = None) -> None:
    """Remove these parcels, or all, and the folder where it is empty then."""
    if names is None:
        root.remove(FOLDER)
        return
    try:
        with root.at(FOLDER) as folder:
            for name in names:
                _unlink(folder, name)
        os.rmdir(FOLDER, dir_fd=root.fd)
    except (Missing, OSError):
        pass  # there is none, or others are in it


@contextmanager
def _leaving_room(root: Root) -> Iterator[None]:
    """A disk that is full is emptied of all parcels: they can come again, and the record of this host must be written."""
    try:
        yield
    except AgentError as error:
        if error.code == "disk-full":
            forget(root)
        raise


def _arriving(root: Root, body: Parts, keeping: bool, names: List[str]) -> Iterator[bytes]:
    while body.more():
        digest, length = RECORD.unpack(b"".join(body.take(RECORD.size)))
        name = digest.hex()
        names.append(name)
        if length == 0:
            yield read(root, name)
            continue
        if length > MOST_BYTES:
            raise damaged(f"it has {length} bytes")
        data = b"".join(body.take(length))
        if keeping:
            keep(root, name, data)
        elif name_of(data) != name:
            raise AgentError("flipped", f"what arrived as parcel {name} is something else; nothing was kept", digest=name)
        yield data


def _write(folder: Folder, name: str, data: bytes) -> Optional[Identity]:
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder.fd)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        return aged(fd)
    finally:
        os.close(fd)


def _unlink(folder: Folder, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder.fd)
    except OSError:
        pass  # it is gone, or the fault that brought us here is the one to tell


class _Unpacking:
    """Pieces in the order of their blobs; one blob at a time is open."""

    def __init__(self, root: Root, arriving: Intake, most_bytes: int) -> None:
        self.lacking: List[List[Any]] = []
        self._root = root
        self._arriving = arriving
        self._left = most_bytes
        self._blob: Optional[Incoming] = None
        self._piece: Optional[Piece] = None
        self._source = -1
        self._failed = False

    def take(self, piece: Piece) -> None:
        """The next piece. Raises AgentError `parcel` where it does not go on with what is open."""
        before = self._piece
        if piece.offset == 0:
            self.end()
            self._left -= piece.size
            if self._left < 0:
                raise damaged("more content arrived than was announced")
            self._blob = self._arriving.begin(piece.digest, piece.executable)
            self._failed = False
            self._source = self._open(piece) if piece.source[0] else -1
        elif before is None or piece.offset != before.offset + before.length or piece[:3] + piece[5:6] != before[:3] + before[5:6]:
            raise damaged(f"a piece of blob {piece.digest} without the one before it")
        self._piece = piece
        if not self._failed:
            self._write(piece)

    def end(self) -> None:
        """No more comes of what is open. Raises AgentError `flipped` for content that is not what it was said to be."""
        blob, piece = self._blob, self._piece
        if blob is None or piece is None:
            return
        if piece.offset + piece.length != piece.size:
            raise damaged(f"blob {piece.digest} ends after {piece.offset + piece.length} of {piece.size} bytes")
        if self._failed or not blob.end():
            if not piece.source[0]:
                raise flipped(piece.digest)
            self.lacking.append([piece.digest, piece.executable])
        self.close()

    def close(self) -> None:
        """Let go of what is open."""
        if self._blob is not None:
            self._blob.close()
        if self._source >= 0:
            os.close(self._source)
        self._blob, self._piece, self._source = None, None, -1

    def _open(self, piece: Piece) -> int:
        digest, executable = piece.source
        try:
            return self._arriving.folder.file(f"{store.shelf_of(digest)}/{store.name_of(digest, executable)}")
        except Missing:
            self._failed = True
            return -1

    def _write(self, piece: Piece) -> None:
        assert self._blob is not None
        for part in piece.parts:
            if isinstance(part, bytes):
                self._blob.write(part)
                continue
            offset, length = part
            while length > 0:
                data = os.pread(self._source, min(length, COPY_BYTES), offset)
                if not data:
                    self._failed = True  # it is shorter than it was
                    return
                self._blob.write(data)
                offset, length = offset + len(data), length - len(data)
