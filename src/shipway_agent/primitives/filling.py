"""Entries of a manifest in, a tree of links to blobs out: every one exact, and its names on disk."""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import closing
from functools import partial

from shipway_agent import manifest
from shipway_agent.durable import sync_all
from shipway_agent.errors import AgentError, Missing, naming
from shipway_agent.folder import Folder, Name, write_file
from shipway_agent.identity import SIZE, TICK_SECONDS, Identity, identity, is_young
from shipway_agent.manifest import Entry, shown
from shipway_agent.primitives import blobs, intake
from shipway_agent.primitives.trees import OUTPUTS
from shipway_agent.root import Root
from shipway_agent.typed import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple


def fill(root: Root, tree: Folder, release: str, entries: Sequence[Entry], known: Mapping[bytes, Identity]) -> Dict[bytes, Identity]:
    """Make every entry in an empty tree, as `put` does. What each path is then."""
    wanted: Dict[bytes, List[Entry]] = {b"": []}
    for path in sorted(directories(entries)):
        wanted[path] = []
    for entry in entries:
        wanted[entry.path.rpartition(b"/")[0]].append(entry)
    return put(root, tree, release, wanted, known)


def put(
    root: Root, tree: Folder, release: str, wanted: Mapping[bytes, Sequence[Entry]], known: Mapping[bytes, Identity]
) -> Dict[bytes, Identity]:
    """Make what each directory in `wanted` is to have, those above others first, then take the right to write from each and sync it. What
    each path is then.

    Every blob is read, but those that are the very file that was read before, for a path in `known` or by this process. The contents are
    on disk since they were put. What a tree adds are names, and the fsync of a directory makes all names in it durable: one for each
    directory, none for a file.

    Raises AgentError: `lacking` (blobs that are not here), `flipped` (blobs that are damaged; they are taken away).
    """
    made: Dict[bytes, Identity] = {}
    lacking: List[List[Any]] = []
    flipped: List[Tuple[str, bool, str]] = []
    with root.at(intake.FOLDER, create=True) as store, closing(_Shelves(store)) as shelves:
        for path, entries in wanted.items():
            with tree.at(path, create=True, mode=0o700, sync=False) as place, naming(place.path):
                for entry in entries:
                    name = entry.path.rpartition(b"/")[2]
                    if not entry.is_file:
                        os.symlink(target_of(entry, release), name, dir_fd=place.fd)
                        made[entry.path] = identity(os.stat(name, dir_fd=place.fd, follow_symlinks=False))
                        continue
                    read = known.get(entry.path) or root.compared.get(intake.name_of(entry.digest, entry.executable))
                    if read is not None and read[SIZE] == entry.size and _link_known(store, place, name, entry, read):
                        made[entry.path] = read
                        continue
                    try:
                        linked = _link_file(shelves, place, name, entry)
                        if linked is None:
                            flipped.append((entry.digest, entry.executable, shown(entry.path)))
                        else:
                            made[entry.path] = linked
                    except Missing:
                        lacking.append([entry.digest, entry.executable])
        if flipped:
            _refuse_flipped(store, flipped)
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise AgentError("lacking", f"blob {lacking[0][0]}{more} of release {release[:12]} is not on this host", blobs=lacking)
    with naming(tree.path):
        sync_all(partial(_sealed, tree, path, made) for path in wanted)
    return made


def directories(entries: Iterable[Entry]) -> Set[bytes]:
    """The directories that these paths lie in, the top one aside."""
    found: Set[bytes] = set()
    for entry in entries:
        cut = entry.path.rfind(b"/")
        while cut > 0 and entry.path[:cut] not in found:
            found.add(entry.path[:cut])
            cut = entry.path.rfind(b"/", 0, cut)
    return found


def target_of(entry: Entry, release: str) -> bytes:
    """Where the link of an entry points; relative, so that a root may be moved."""
    if entry.kind == manifest.LINK:
        return entry.target
    up = b"../" * (entry.path.count(b"/") + 2)
    below = b"shared/" if entry.kind == manifest.SHARED else f"{OUTPUTS}/{release}/".encode()
    return up + below + entry.path


class _Shelves:
    """The shelves of the store, each opened once: a tree of 2,000 files asks 256 of them."""

    def __init__(self, store: Folder) -> None:
        self._store = store
        self._open: Dict[str, Folder] = {}

    def file(self, entry: Entry) -> int:
        """A descriptor of the blob of an entry. Raises Missing."""
        shelf = entry.digest[:2]
        place = self._open.get(shelf)
        if place is None:
            place = self._open[shelf] = self._store.at(shelf)
        return place.open_file(intake.name_of(entry.digest, entry.executable))

    def close(self) -> None:
        for shelf in self._open.values():
            shelf.close()


def _link_known(store: Folder, place: Folder, name: Name, entry: Entry, known: Identity) -> bool:
    """Link a blob that was read before; False, and nothing is there, where it is not that very file as it was then."""
    try:
        os.link(intake.path_of(entry.digest, entry.executable), name, src_dir_fd=store.fd, dst_dir_fd=place.fd, follow_symlinks=False)
    except OSError:
        return False  # it lacks, or may not be linked once more: whoever reads it will say so
    # Looked at behind the link: what is in the tree now, whatever happened to the name in the store.
    if identity(os.stat(name, dir_fd=place.fd, follow_symlinks=False)) == known:
        return True
    os.unlink(name, dir_fd=place.fd)
    return False


def _link_file(shelves: _Shelves, place: Folder, name: Name, entry: Entry) -> Optional[Identity]:
    """Read one blob and link it into the tree; what it was before, or None when its content is not what its name says."""
    blob = shelves.file(entry)
    try:
        mode = 0o555 if entry.executable else 0o444
        if stat.S_IMODE(os.fstat(blob).st_mode) != mode:
            os.fchmod(blob, mode)
        info = os.fstat(blob)
        while is_young(info.st_mtime_ns):
            time.sleep(TICK_SECONDS)
            info = os.fstat(blob)
        if blobs.digest_of_file(blob) != (entry.digest, entry.size):
            return None
        try:
            # By descriptor: what is linked is what was read, whatever happens to the name meanwhile.
            os.link(f"/proc/self/fd/{blob}", name, dst_dir_fd=place.fd, follow_symlinks=True)
        except OSError as error:
            if error.errno not in (errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV):
                raise
            # Too many links (ext4 allows 65,000), or a file system without any: a copy is as good.
            os.lseek(blob, 0, os.SEEK_SET)
            with os.fdopen(os.dup(blob), "rb") as file:
                write_file(place.fd, name, file.read(), mode)
            info = os.stat(name, dir_fd=place.fd, follow_symlinks=False)
        return identity(info)
    finally:
        os.close(blob)


def _sealed(tree: Folder, path: bytes, made: Dict[bytes, Identity]) -> int:
    """A directory of the tree, open, after nobody may write in it any more; what it is then, in `made`."""
    with tree.at(path) as place:
        os.fchmod(place.fd, 0o555)
        if path:
            made[path] = identity(os.fstat(place.fd))
        return os.dup(place.fd)


def _refuse_flipped(store: Folder, flipped: Sequence[Tuple[str, bool, str]]) -> None:
    for digest, executable, _ in set(flipped):
        store.unlink(intake.path_of(digest, executable))
    digest, _, path = flipped[0]
    more = f", and {len(flipped) - 1} more" if len(flipped) > 1 else ""
    raise AgentError(
        "flipped",
        f"blob {digest} ({path}{more}) is damaged on this host's disk; it was taken away, and the next try sends it again",
        [f"{digest} {path}" for digest, _, path in flipped[: manifest.TOLD]],
        blobs=[[digest, executable, path] for digest, executable, path in flipped],
    )
