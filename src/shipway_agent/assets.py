"""The generations on a host in; out, its folder `assets/`: every file of their declared assets, where it stays reachable by its path.

The proxy looks there for what the current release lacks. So a page that is open goes on when the release behind it was replaced, rolled
back or undone, and a page of a host that has switched finds its files on one that has not (docs/decisions/0026). The files are hard
links: they cost names, and stay whatever becomes of the release.
"""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Set, Tuple

from shipway_agent.durable import sync_all
from shipway_agent.errors import AgentError, Foreign, Missing, naming
from shipway_agent.folder import NEW, Folder, write_file
from shipway_agent.manifest import shown
from shipway_agent.primitives import blobs, trees
from shipway_agent.root import Root
from shipway_agent.walk import walk

FOLDER = "assets"


class Laid(NamedTuple):
    """How many files there are, how many came and went, and the names that several releases here use for different contents."""

    files: int
    added: int
    removed: int
    twice: Tuple[str, ...]


class _Source(NamedTuple):
    """Where a file is: its folder below the root, and its name there."""

    folder: bytes
    name: bytes
    info: os.stat_result


_Sources = Mapping[bytes, _Source]


def lay(root: Root, documents: Sequence[Mapping[str, Any]], *, forget: bool) -> Laid:
    """Have the assets of these generations in place. The newest comes first in `documents`: where several have a name, its file is kept.

    With `forget`, whatever is of none of them goes. Durable when it returns; killed in the middle, the next call goes on.
    """
    wanted, twice = _wanted(root, documents)
    if not wanted and root.stat(FOLDER) is None:
        return Laid(0, 0, 0, ())
    with root.at(FOLDER, create=True) as place:
        removed = _forget(place, wanted) if forget else 0
        added = _add(root, place, wanted)
    return Laid(len(wanted), added, removed, tuple(shown(path) for path in twice))


def _wanted(root: Root, documents: Iterable[Mapping[str, Any]]) -> Tuple[Dict[bytes, _Source], List[bytes]]:
    """Each path below `static` and where its file is, and the paths whose older content differs."""
    sources: Dict[bytes, _Source] = {}
    folders: Set[bytes] = set()
    twice: Dict[bytes, None] = {}
    for document in documents:
        for path, source in _files_of(root, document):
            if path in sources:
                if not _same(root, sources[path], source):
                    twice[path] = None
            elif path not in folders and not any(above in sources for above in _above(path)):
                sources[path] = source
                folders.update(_above(path))
    return sources, list(twice)


def _files_of(root: Root, document: Mapping[str, Any]) -> Iterator[Tuple[bytes, _Source]]:
    """The assets of a generation by their path below `static`: what was shipped, and what its tasks wrote on this host."""
    static = os.fsencode(str(document.get("static") or ""))
    for asset in (os.fsencode(str(one)) for one in document.get("assets") or ()):
        inside = asset[len(static) + 1 :]
        for top in (trees.FOLDER, trees.OUTPUTS):
            base = b"%s/%s/%s" % (top.encode(), str(document["release"]).encode(), asset)
            try:
                tree = root.at(base)
            except (Missing, Foreign):
                continue  # a link in the tree is an output, which is found in the place of outputs
            with tree:
                for path, _, name, info in walk(tree):
                    hidden = any(part.startswith(b".") for part in path.split(b"/"))
                    if stat.S_ISREG(info.st_mode) and info.st_uid == os.geteuid() and not hidden:
                        folder = path.rpartition(b"/")[0]
                        yield b"/".join(filter(None, (inside, path))), _Source(b"/".join(filter(None, (base, folder))), name, info)


def _add(root: Root, place: Folder, wanted: _Sources) -> int:
    """Link what lacks; how many there were."""
    added = 0
    touched: Set[bytes] = {b""}
    by_folder: Dict[bytes, List[bytes]] = {}
    for path in wanted:
        by_folder.setdefault(path.rpartition(b"/")[0], []).append(path)
    for folder, paths in sorted(by_folder.items()):
        with _open(place, folder) as there:
            new = sum(_put(root, there, path.rpartition(b"/")[2], wanted[path]) for path in paths)
        if new:
            added += new
            touched.update(_above(folder + b"/x" if folder else b"x"))
    if added:
        with naming(place.path):
            sync_all(partial(_descriptor, place, folder) for folder in sorted(touched))
    return added


def _put(root: Root, there: Folder, name: bytes, source: _Source) -> bool:
    """Have the file there under its name; False where it is, or one of the same content."""
    found = there.stat(name)
    if found is not None and stat.S_ISREG(found.st_mode) and _alike(found, source.info):
        return False
    if found is not None and stat.S_ISDIR(found.st_mode):
        there.remove(name)
    aside = NEW + os.urandom(8).hex()
    with root.at(source.folder) as origin, naming(there.full(name)):
        try:
            os.link(source.name, aside, src_dir_fd=origin.fd, dst_dir_fd=there.fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP):
                raise
            write_file(there.fd, aside, origin.read(source.name), 0o444)
            os.utime(aside, ns=(source.info.st_atime_ns, source.info.st_mtime_ns), dir_fd=there.fd)
        os.rename(aside, name, src_dir_fd=there.fd, dst_dir_fd=there.fd)
    return True


def _forget(place: Folder, wanted: _Sources) -> int:
    """Remove files, and folders, of which nothing is wanted; how many files."""
    needed = {above for path in wanted for above in _above(path)}
    folders: List[bytes] = []
    removed = 0
    for path, at, name, info in walk(place):
        if stat.S_ISDIR(info.st_mode):
            folders.append(path)
        elif path not in wanted:
            with naming(at.full(name)):
                os.unlink(name, dir_fd=at.fd)
            removed += 1
    for path in sorted(set(folders) - needed):
        try:
            place.remove(path)
        except Missing:
            pass  # it went with the one above it
    return removed


def _open(place: Folder, path: bytes) -> Folder:
    """A folder in place, also where an earlier release had a file of that name."""
    try:
        return place.at(path, create=True, sync=False)
    except AgentError:
        for above in _above(path + b"/x"):
            found = place.stat(above)
            if found is not None and not stat.S_ISDIR(found.st_mode):
                place.unlink(above)
                return place.at(path, create=True, sync=False)
        raise


def _same(root: Root, one: _Source, other: _Source) -> bool:
    """Whether two files hold the same, read only where the file system does not tell."""
    if one.info.st_size != other.info.st_size or _alike(one.info, other.info):
        return one.info.st_size == other.info.st_size
    return _digest(root, one) == _digest(root, other)


def _alike(one: os.stat_result, other: os.stat_result) -> bool:
    """One file, or two whose size and time, which follows the content (stamp.py), are the same."""
    same_file = (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
    return same_file or (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _digest(root: Root, source: _Source) -> str:
    with root.at(source.folder) as folder:
        fd = folder.file(source.name)
    try:
        return blobs.digest_of_file(fd)[0]
    finally:
        os.close(fd)


def _above(path: bytes) -> Iterator[bytes]:
    """The folders above a path, the top one first."""
    parts = path.split(b"/")
    return (b"/".join(parts[:depth]) for depth in range(1, len(parts)))


def _descriptor(place: Folder, path: bytes) -> int:
    with place.at(path) as folder:
        return os.dup(folder.fd)
