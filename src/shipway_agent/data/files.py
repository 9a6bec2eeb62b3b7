"""A directory below `shared/` in; out, copies of it that share nothing with it, and everything unchanged with the copy before.

What an application overwrites in place would change in a hard link as well: so links lead to the last copy, never to the live file.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional

from shipway_agent.data.content import CHUNK, Progress, digest_of_file
from shipway_agent.data.declared import Declared
from shipway_agent.data.programs import Work
from shipway_agent.durable import start_writing, sync_all
from shipway_agent.errors import AgentError, Missing, naming
from shipway_agent.folder import Folder
from shipway_agent.root import Root
from shipway_agent.walk import walk

CONTENT = "tree"
LIST = "files"
"""One JSON line a path, in their order: [path, kind, size, mode, mtime_ns, digest or target]."""


Say = Callable[[str], None]


class Row(NamedTuple):
    """One path of a copy; `what` is a file's digest, or where a link leads."""

    path: str
    kind: str
    size: int
    mode: int
    mtime_ns: int
    what: str


class Files:
    """One directory."""

    def __init__(self, root: Root, data: Declared, work: Work, before: Optional[Folder]) -> None:
        """`before` is the last copy. Raises AgentError `no-directory`."""
        self._root = root
        self._data = data
        self._work = work
        self._before = before
        self._fresh: List[bytes] = []
        self.relative = f"shared/{data.path}"
        found = root.stat(self.relative)
        if found is None or not stat.S_ISDIR(found.st_mode):
            full = root.full(self.relative)
            raise AgentError("no-directory", f"{full} is no directory; data {data.name} says that there is one", path=full)

    def copy(self, into: Folder, progress: Progress) -> Dict[str, Any]:
        """{"server", "tables": {"files": {"rows"}}, "digest", "bytes"}.

        A file that is written to meanwhile is in it as far as it was read.
        """
        known = {row.path: row for row in _rows(self._before)}
        rows, done = [], 0
        into.at(CONTENT, create=True, mode=0o700).close()
        with self._root.at(self.relative) as live, into.at(CONTENT) as tree:
            for raw, at, name, info in walk(live):
                path = os.fsdecode(raw)
                if self._is_left_out(raw):
                    continue
                row = self._take(path, raw, at, name, info, tree, known.get(path))
                if row is not None:
                    rows.append(row)
                    done += row.size
                    progress.at(done)
                if self._work.moot() or self._work.left() <= 0:
                    raise AgentError("ended", "the copy was ended, for nobody waits for it any more")
            self._sync(tree)
        with os.fdopen(os.open(LIST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=into.fd), "w", encoding="ascii") as file:
            file.writelines(json.dumps(row) + "\n" for row in sorted(rows))
        digest, _ = digest_of_file(into, LIST)
        files = sum(row.kind == "file" for row in rows)
        return {"server": {"version": ""}, "tables": {"files": {"rows": files}}, "digest": digest, "bytes": done}

    def read(self, point: Folder, about: Mapping[str, Any]) -> None:
        """Read a copy back whole. Raises AgentError `point-damaged`."""
        digest, _ = digest_of_file(point, LIST)
        if digest != about["digest"]:
            raise AgentError("point-damaged", f"{point.full(LIST)} is not what was written there")
        wrong = []
        with point.at(CONTENT) as tree:
            for row in _rows(point):
                try:
                    good = (
                        digest_of_file(tree, row.path, sync=False) == (row.what, row.size)
                        if row.kind == "file"
                        else tree.stat(row.path) is not None
                    )
                    if not good:
                        wrong.append(row.path)
                except AgentError:
                    wrong.append(row.path)
        if wrong:
            raise AgentError("point-damaged", f"{len(wrong)} files of {point.path} are not what was copied", wrong[:20])

    def counts(self) -> Dict[str, Any]:
        """How many files there are now."""
        with self._root.at(self.relative) as live:
            return {"files": {"rows": sum(stat.S_ISREG(info.st_mode) for path, _, _, info in walk(live) if not self._is_left_out(path))}}

    def put_back(self, point: Folder, about: Mapping[str, Any], stamp: str, say: Say) -> Dict[str, Any]:
        """Make the directory what a copy holds, file by file, each in one rename; what was there and differs is moved aside:

        {"kept", "swap_seconds"}. What is left out of copies stays. Done again it goes on where it was.
        """
        began = time.monotonic()
        kept = f"{self.relative}.before-{stamp}"
        wanted = {os.fsencode(row.path): row for row in _rows(point)}
        with self._root.at(self.relative) as live, self._root.at(kept, create=True, mode=0o700) as aside, point.at(CONTENT) as tree:
            there = {path: info for path, _, _, info in walk(live) if not self._is_left_out(path)}
            for path, info in sorted(there.items(), reverse=True):  # what is in a directory goes before it
                if not stat.S_ISDIR(info.st_mode) and not _is_as(wanted.get(path), live, path, info):
                    _move(live, aside, path)
                elif stat.S_ISDIR(info.st_mode) and not _is_directory(wanted.get(path)) and not live.names(path):
                    live.remove(path)
            for path, row in sorted(wanted.items()):
                if row.kind == "directory":
                    live.at(path, create=True, mode=row.mode).close()
                elif live.stat(path) is None:
                    _put(tree, live, path, row)
        say(f"what differed is kept in {self._root.full(kept)}")
        return {"kept": self._root.full(kept), "swap_seconds": round(time.monotonic() - began, 3)}

    def _is_left_out(self, raw: bytes) -> bool:
        path = os.fsdecode(raw)
        return any(path == out or path.startswith(out + "/") for out in self._data.leave_out)

    def _take(
        self, path: str, raw: bytes, at: Folder, name: bytes, info: os.stat_result, tree: Folder, known: Optional[Row]
    ) -> Optional[Row]:
        mode, mtime = stat.S_IMODE(info.st_mode), info.st_mtime_ns
        above, _, last = raw.rpartition(b"/")
        with tree.at(above) as place, naming(place.full(last)):
            if stat.S_ISDIR(info.st_mode):
                place.at(last, create=True, mode=0o700, sync=False).close()
                return Row(path, "directory", 0, mode, mtime, "")
            if stat.S_ISLNK(info.st_mode):
                target = os.readlink(name, dir_fd=at.fd)
                os.symlink(target, last, dir_fd=place.fd)
                return Row(path, "link", 0, mode, mtime, os.fsdecode(target))
            if not stat.S_ISREG(info.st_mode):
                return None  # a socket or a pipe holds no data
            same = known is not None and (known.kind, known.size, known.mtime_ns) == ("file", info.st_size, mtime)
            if known is not None and same and self._link(raw, place, last):
                return known._replace(mode=mode)
            self._fresh.append(raw)
            return _copied(at, name, place, last, Row(path, "file", info.st_size, mode, mtime, ""), sync=False)

    def _link(self, raw: bytes, place: Folder, last: bytes) -> bool:
        assert self._before is not None
        try:
            fd = self._before.file(CONTENT.encode() + b"/" + raw)
        except AgentError:
            return False
        try:
            os.link(f"/proc/self/fd/{fd}", last, dst_dir_fd=place.fd, follow_symlinks=True)
            return True
        except OSError:
            return False  # too many links, or a file system without any: a copy is as good
        finally:
            os.close(fd)

    def _sync(self, tree: Folder) -> None:
        """All that is new at once: a thousand files one after the other wait for the disk a thousand times."""
        paths = [b"", *(raw for raw, _, _, info in walk(tree) if stat.S_ISDIR(info.st_mode))]

        def open_again(path: bytes) -> int:
            with tree.at(path) as place:
                return os.dup(place.fd)

        with naming(tree.path):
            there = [raw for raw in self._fresh if tree.stat(raw) is not None]  # others were removed while they were to be read
            sync_all(partial(tree.file, raw) for raw in there)
            sync_all(partial(open_again, path) for path in paths)


def _copied(at: Folder, name: bytes, place: Folder, last: bytes, row: Row, *, sync: bool = True) -> Optional[Row]:
    """The row of what was read; None where it was removed in between. One that changed meanwhile is read anew for the next copy.

    Without `sync` the caller brings it to disk.
    """
    hashing, size = hashlib.blake2b(digest_size=32), 0
    try:
        source = at.file(name)
    except Missing:
        return None
    target = os.open(last, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=place.fd)
    try:
        while part := os.read(source, CHUNK):
            hashing.update(part)
            size += len(part)
            view = memoryview(part)
            while view:
                view = view[os.write(target, view) :]
        if sync:
            os.fsync(target)
        else:
            start_writing(target)
        after = os.fstat(source)
        same = (after.st_size, after.st_mtime_ns, size) == (row.size, row.mtime_ns, row.size)
        return row._replace(size=size, mtime_ns=row.mtime_ns if same else 0, what=hashing.hexdigest())
    finally:
        os.close(source)
        os.close(target)


def _is_directory(row: Optional[Row]) -> bool:
    return row is not None and row.kind == "directory"


def _is_as(row: Optional[Row], live: Folder, path: bytes, info: os.stat_result) -> bool:
    """Whether a file or link that is there is what a copy holds; a file is read for it."""
    if row is None or (row.kind == "file") != stat.S_ISREG(info.st_mode):
        return False
    if row.kind == "link":
        target = live.read_link(path)
        return target is not None and os.fsdecode(target) == row.what
    return row.kind == "file" and row.size == info.st_size and digest_of_file(live, path) == (row.what, row.size)


def _move(live: Folder, aside: Folder, path: bytes) -> None:
    above, _, name = path.rpartition(b"/")
    with live.at(above) as source, aside.at(above, create=True) as target, naming(target.full(name)):
        os.rename(name, name, src_dir_fd=source.fd, dst_dir_fd=target.fd)


def _put(tree: Folder, live: Folder, path: bytes, row: Row) -> None:
    """A copy of the copy: what is live shares nothing with it."""
    above, _, name = path.rpartition(b"/")
    with live.at(above) as place, naming(place.full(name)):
        if row.kind == "link":
            os.symlink(os.fsencode(row.what), name, dir_fd=place.fd)
            return
        aside = b".new-" + os.urandom(8).hex().encode()
        with tree.at(above) as source:
            _copied(source, name, place, aside, row)
        os.chmod(aside, row.mode, dir_fd=place.fd)
        if row.mtime_ns:
            os.utime(aside, ns=(row.mtime_ns, row.mtime_ns), dir_fd=place.fd)
        os.rename(aside, name, src_dir_fd=place.fd, dst_dir_fd=place.fd)


def _rows(point: Optional[Folder]) -> Iterator[Row]:
    if point is None:
        return
    try:
        text = point.read(LIST, 1 << 30)
    except Missing:
        return
    for line in text.decode("ascii").splitlines():
        yield Row(*json.loads(line))
