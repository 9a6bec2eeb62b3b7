"""A directory as it lay on disk and what was done to it since in; out, what a loss of power at any moment may have left of it.

The model is the least that a file system promises. What was done to a file is there once the file was synced; a name is there, or is gone,
once the directory was; a rename is there whole or not at all. All else may be lost, in any part. Files are inodes and names lead to them,
so that a synced name may lead to an empty file, and synced content may have no name.
"""

from __future__ import annotations

import copy
import os
import stat
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.power.calls import UNREAD, Call

FILE, FOLDER, LINK = "file", "folder", "link"
CREATE, TRUNCATE = "O_CREAT", "O_TRUNC"


@dataclass(eq=False)
class Inode:
    """A file, folder or link. `source` is where a copy of the first content lies; `names` are a folder's first ones."""

    kind: str
    mode: int
    source: Path | None = None
    target: bytes = b""
    names: dict[bytes, Inode] = field(default_factory=dict)


@dataclass(frozen=True)
class Data:
    inode: Inode
    offset: int
    content: bytes


@dataclass(frozen=True)
class Size:
    inode: Inode
    size: int


@dataclass(frozen=True)
class Mode:
    inode: Inode
    mode: int


@dataclass(frozen=True)
class Names:
    """All of them at once, or none: (folder, name, what is there from now on)."""

    changes: tuple[tuple[Inode, bytes, Inode | None], ...]


Effect = Data | Size | Mode | Names


@dataclass(frozen=True)
class Sync:
    """An fsync that came back when `at` effects were done; it covers what was done before it was called: the first `covers` of them.

    Without `whole` it is an fdatasync, which leaves the mode out.
    """

    inode: Inode
    at: int
    covers: int
    whole: bool


class Platter:
    """`top` is the path under which processes know the directory, `content` where its first content lies. Effects come by `take`."""

    def __init__(self, top: str, content: Path) -> None:
        self.top = os.fsencode(top)
        self.root = _inode_of(content, {})
        self.effects: list[Effect] = []
        self.syncs: list[Sync] = []
        self._durable: list[float] = []
        self._now: dict[Inode, dict[bytes, Inode]] = {}
        self._sizes: dict[Inode, int] = {}
        self._positions: list[int] = [0]

    def take(self, calls: Iterable[Call]) -> None:
        """Follow what processes did. Raises ValueError where something was done that this cannot follow."""
        for call in calls:
            self._follow(call)
            self._positions.append(len(self.effects))

    @property
    def moments(self) -> int:
        """How many moments are worth a loss: right before each sync, when most is unsynced, and the end."""
        return len(self.syncs) + 1

    def pending(self, moment: int) -> list[int]:
        """The effects that are done at a moment (0 is right before the first sync) and that no sync has covered."""
        return [number for number in range(self._done(moment)) if self._durable[number] >= moment]

    def left(self, moment: int, kept: Collection[int]) -> Tree:
        """What is on disk when the power fails at a moment: what was synced by then, and what of the rest is `kept`."""
        lost = set(self.pending(moment)) - set(kept)
        return Tree(self.root, [effect for number, effect in enumerate(self.effects[: self._done(moment)]) if number not in lost])

    def without(self, omit: Callable[[Sync], bool]) -> Platter:
        """The same as a program would have left it that omits these syncs: what must be found."""
        other = copy.copy(self)
        other.syncs, other._durable = [], [float("inf")] * len(self.effects)
        for sync in self.syncs:
            if not omit(sync):
                other._cover(sync)
        return other

    def _done(self, moment: int) -> int:
        return self.syncs[moment].at if moment < len(self.syncs) else len(self.effects)

    def _cover(self, sync: Sync) -> None:
        for number in range(sync.covers):
            if self._durable[number] == float("inf") and _is_synced(self.effects[number], sync):
                self._durable[number] = len(self.syncs)
        self.syncs.append(sync)

    def _follow(self, call: Call) -> None:
        if call.name in UNREAD and any(isinstance(arg, bytes) and self._is_below(arg) for arg in call.args):
            raise ValueError(f"nobody taught this model {call.name}: {call}")
        reader = READERS.get(call.name)
        if reader is not None:
            reader(self, call)

    # ---------------------------------------------------------------- calls

    def _open(self, call: Call) -> None:
        path, flags = call.answer, next((arg for arg in call.args if isinstance(arg, str) and arg.startswith("O_")), "")
        if not isinstance(path, bytes) or not self._is_below(path):
            return
        found = self._find(path)
        if found is None and CREATE in flags:
            folder, name = self._place(path)
            mode = int(str(call.args[-1]), 8)
            self._do(Names(((folder, name, Inode(FILE, mode)),)))
        elif found is not None and TRUNCATE in flags:
            self._do(Size(found, 0))

    def _write(self, call: Call) -> None:
        path, content = call.args[:2]
        inode = None if call.deleted else self._find(path)
        if inode is None or inode.kind != FILE:
            return
        assert isinstance(content, bytes) and isinstance(call.answer, int)
        # A descriptor without a position of its own is one that only appends here: a log, or a file that is written once.
        offset = int(str(call.args[3])) if call.name == "pwrite64" else self._size(inode)
        self._do(Data(inode, offset, content[: call.answer]))

    def _truncate(self, call: Call) -> None:
        inode = None if call.deleted else self._find(call.args[0])
        if inode is not None:
            self._do(Size(inode, int(str(call.args[1]))))

    def _chmod(self, call: Call) -> None:
        path = call.args[0] if call.name != "fchmodat" else _join(call.args[0], call.args[1])
        mode = call.args[1] if call.name != "fchmodat" else call.args[2]
        inode = None if call.deleted else self._find(path)
        if inode is not None:
            self._do(Mode(inode, int(str(mode), 8)))

    def _mkdir(self, call: Call) -> None:
        self._make(call, Inode(FOLDER, int(str(call.args[-1]), 8)))

    def _symlink(self, call: Call) -> None:
        target, *where = call.args
        assert isinstance(target, bytes)
        self._make(Call("symlink", tuple(where), call.answer, call.began), Inode(LINK, 0o777, target=target))

    def _make(self, call: Call, inode: Inode) -> None:
        path = _joined(call.args)
        if self._is_below(path):
            folder, name = self._place(path)
            self._do(Names(((folder, name, inode),)))

    def _unlink(self, call: Call) -> None:
        path = _joined(call.args)
        if self._is_below(path) and self._find(path) is not None:
            folder, name = self._place(path)
            self._do(Names(((folder, name, None),)))

    def _rename(self, call: Call) -> None:
        source, target = _two(call.args)
        if not self._is_below(source) and not self._is_below(target):
            return
        moved, (folder, name), (to_folder, to_name) = self._find(source), self._place(source), self._place(target)
        if moved is None:
            raise ValueError(f"{source!r} was moved, and nothing was there")
        replaced = self._find(target) if "RENAME_EXCHANGE" in str(call.args[-1]) else None
        self._do(Names(((folder, name, replaced), (to_folder, to_name, moved))))

    def _link(self, call: Call) -> None:
        source, target = _two(call.args)
        if not self._is_below(target):
            return
        inode = self._find(source)
        if inode is None:
            raise ValueError(f"{source!r} was linked, and nothing was there")
        folder, name = self._place(target)
        self._do(Names(((folder, name, inode),)))

    def _sync(self, call: Call) -> None:
        inode = None if call.deleted else self._find(call.args[0])
        if inode is None:
            return
        self._cover(Sync(inode, len(self.effects), self._positions[call.began], whole=call.name == "fsync"))

    # ---------------------------------------------------------------- state

    def _do(self, effect: Effect) -> None:
        self.effects.append(effect)
        self._durable.append(float("inf"))
        if isinstance(effect, Names):
            for folder, name, inode in effect.changes:
                _put(self._names(folder), name, inode)
        elif isinstance(effect, Data):
            self._sizes[effect.inode] = max(self._size(effect.inode), effect.offset + len(effect.content))
        elif isinstance(effect, Size):
            self._sizes[effect.inode] = effect.size

    def _names(self, folder: Inode) -> dict[bytes, Inode]:
        return self._now.setdefault(folder, dict(folder.names))

    def _size(self, inode: Inode) -> int:
        return self._sizes.setdefault(inode, inode.source.stat().st_size if inode.source is not None else 0)

    def _is_below(self, path: object) -> bool:
        return isinstance(path, bytes) and (path == self.top or path.startswith(self.top + b"/"))

    def _find(self, path: object) -> Inode | None:
        if not self._is_below(path):
            return None
        assert isinstance(path, bytes)
        inode = self.root
        for name in filter(None, path[len(self.top) :].split(b"/")):
            found = self._names(inode).get(name) if inode.kind == FOLDER else None
            if found is None:
                return None
            inode = found
        return inode

    def _place(self, path: bytes) -> tuple[Inode, bytes]:
        above, _, name = path.rpartition(b"/")
        folder = self._find(above)
        if folder is None:
            raise ValueError(f"something was done in {above!r}, and no such folder was seen")
        return folder, name


READERS: Mapping[str, Callable[[Platter, Call], None]] = {
    **dict.fromkeys(("open", "openat", "creat"), Platter._open),
    **dict.fromkeys(("write", "pwrite64"), Platter._write),
    **dict.fromkeys(("truncate", "ftruncate"), Platter._truncate),
    **dict.fromkeys(("chmod", "fchmod", "fchmodat"), Platter._chmod),
    **dict.fromkeys(("mkdir", "mkdirat"), Platter._mkdir),
    **dict.fromkeys(("symlink", "symlinkat"), Platter._symlink),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), Platter._unlink),
    **dict.fromkeys(("rename", "renameat", "renameat2"), Platter._rename),
    **dict.fromkeys(("link", "linkat"), Platter._link),
    **dict.fromkeys(("fsync", "fdatasync"), Platter._sync),
}


class Tree:
    """A directory as effects leave it, of which some may be missing: what was not there to be removed is not there, holes are zeros."""

    def __init__(self, root: Inode, effects: Iterable[Effect]) -> None:
        self._root = root
        self._names: dict[Inode, dict[bytes, Inode]] = {}
        self._content: dict[Inode, bytearray] = {}
        self._modes: dict[Inode, int] = {}
        for effect in effects:
            self._apply(effect)

    def lay_out(self, place: Path, owner: int = -1) -> None:
        """Make it at `place`, which is an empty directory; `owner` gets it where that is one. What nobody can write to is linked."""
        made: dict[Inode, str] = {}
        stack = [(self._root, os.fsencode(place))]
        while stack:
            folder, path = stack.pop()
            for name, inode in self._names.get(folder, folder.names).items():
                inner = path + b"/" + name
                if inode in made:
                    os.link(made[inode], inner, follow_symlinks=False)
                    continue
                made[inode] = os.fsdecode(inner)
                self._make(inode, inner, owner)
                if inode.kind == FOLDER:
                    stack.append((inode, inner))
            os.chmod(path, self._modes.get(folder, folder.mode))
            if owner >= 0:
                os.chown(path, owner, owner)

    def content(self) -> dict[bytes, object]:
        """Every path, with a file's bytes, a link's target, or None for a folder."""
        found: dict[bytes, object] = {}
        stack = [(self._root, b"")]
        while stack:
            folder, path = stack.pop()
            for name, inode in self._names.get(folder, folder.names).items():
                inner = path + b"/" + name
                found[inner] = None if inode.kind == FOLDER else inode.target if inode.kind == LINK else bytes(self._bytes(inode))
                if inode.kind == FOLDER:
                    stack.append((inode, inner))
        return found

    def _make(self, inode: Inode, path: bytes, owner: int) -> None:
        if inode.kind == FOLDER:
            os.mkdir(path, 0o700)
            return
        mode = self._modes.get(inode, inode.mode)
        if inode.kind == LINK:
            os.symlink(inode.target, path)
        elif inode.source is not None and inode not in self._content and mode == inode.mode and not mode & 0o222:
            os.link(inode.source, path)
            return
        else:
            with open(path, "wb") as file:
                file.write(self._bytes(inode))
            os.chmod(path, mode)
        if owner >= 0:
            os.chown(path, owner, owner, follow_symlinks=False)

    def _bytes(self, inode: Inode) -> bytes | bytearray:
        if inode in self._content:
            return self._content[inode]
        return inode.source.read_bytes() if inode.source is not None else b""

    def _apply(self, effect: Effect) -> None:
        if isinstance(effect, Names):
            for folder, name, inode in effect.changes:
                _put(self._names.setdefault(folder, dict(folder.names)), name, inode)
        elif isinstance(effect, Mode):
            self._modes[effect.inode] = effect.mode
        else:
            content = self._content.setdefault(effect.inode, bytearray(self._bytes(effect.inode)))
            ends = effect.size if isinstance(effect, Size) else effect.offset + len(effect.content)
            content.extend(bytes(max(0, ends - len(content))))
            if isinstance(effect, Size):
                del content[effect.size :]
            else:
                content[effect.offset : ends] = effect.content


def _inode_of(path: Path, seen: dict[int, Inode]) -> Inode:
    found = path.lstat()
    if found.st_ino in seen:
        return seen[found.st_ino]
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        inode = Inode(LINK, mode, target=os.fsencode(path.readlink()))
    elif stat.S_ISDIR(found.st_mode):
        inner = (entry for entry in path.iterdir() if not entry.is_socket())
        inode = Inode(FOLDER, mode, names={os.fsencode(entry.name): _inode_of(entry, seen) for entry in inner})
    else:
        inode = Inode(FILE, mode, source=path)
    seen[found.st_ino] = inode
    return inode


def _is_synced(effect: Effect, sync: Sync) -> bool:
    if isinstance(effect, Names):
        return any(folder is sync.inode for folder, _, _ in effect.changes)
    return effect.inode is sync.inode and (sync.whole or not isinstance(effect, Mode))


def _put(names: dict[bytes, Inode], name: bytes, inode: Inode | None) -> None:
    if inode is None:
        names.pop(name, None)
    else:
        names[name] = inode


def _join(folder: object, name: object) -> bytes:
    assert isinstance(folder, bytes) and isinstance(name, bytes), (folder, name)
    return name if name.startswith(b"/") else folder + b"/" + name


def _joined(args: tuple[bytes | str, ...]) -> bytes:
    """The path of a call that names one, behind a directory or not."""
    paths = [arg for arg in args if isinstance(arg, bytes)]
    return _join(paths[0], paths[1]) if len(paths) > 1 else paths[0]


def _two(args: tuple[bytes | str, ...]) -> tuple[bytes, bytes]:
    """The two paths of a call that names two, each behind a directory or not."""
    paths = [arg for arg in args if isinstance(arg, bytes)]
    if len(paths) == 4:
        return _join(paths[0], paths[1]), _join(paths[2], paths[3])
    return paths[0], paths[1]
