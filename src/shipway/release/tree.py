"""A commit in, every path of its tree out, exactly, and where its content is; or one refusal that names all that cannot be shipped."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from shipway.model.release import Entry
from shipway.release.content import chunks_of, digest_of
from shipway.release.git import Blob
from shipway.release.large_files import Pointer, read_pointer
from shipway.release.remembered import Contents
from shipway.release.source import Repository, refused
from shipway.release.submodules import find_module, module_names
from shipway_agent import manifest
from shipway_agent.record import dataclass, field

HINTS = {
    "submodule": "Type `git submodule update --init --recursive`.",
    "large file": "Type `git lfs fetch` (with the commit's name), so that the files themselves are here.",
    "link": "Make the links relative and keep them inside the tree, or declare what they lead to as shared.",
    "name": "Such a name cannot be written on a host: rename it and commit.",
}
TOLD = 50
HELD_BYTES = 32 << 20
"""Contents that were read to be named stay at hand up to this much: what is new travels next, and would be read and named once more."""

_ODD = re.compile(r"/(?:\.\.?|\.git)?/", re.IGNORECASE)
"""In every path, with slashes around it, that has a part which none may have; most have none, and are not taken apart."""

STAYS = ".shipway-secrets"
"""Encrypted secrets are of no use on a host, and setting one makes no other release."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What a commit holds below one directory. `blobs` maps the digest of a content to where it can be read; `held` are some of them, read.

    `inputs` names what a build of it sees: git's own name, or, where encrypted secrets stay behind, another that does not change with them.
    """

    oid: str
    entries: tuple[Entry, ...]
    blobs: dict[str, str]
    inputs: str
    held: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)


@dataclass(slots=True)
class Faults:
    """What cannot be shipped, by kind; told all at once."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def add(self, kind: str, path: str, why: str) -> None:
        """`path` is shown so that nothing in it reaches a terminal raw."""
        self.found.append((kind, f"{shown(path)}: {why}"))

    def settle(self, commit: str) -> None:
        """Raises Refused when there is any."""
        if not self.found:
            return
        lines = [line for _, line in self.found[:TOLD]] + ([f"and {len(self.found) - TOLD} more"] if len(self.found) > TOLD else [])
        hints = [HINTS[kind] for kind in HINTS if kind in {kind for kind, _ in self.found}]
        count = f"{len(self.found)} path{'s' if len(self.found) > 1 else ''}"
        raise refused("tree", f"{count} of commit {commit[:12]} cannot be shipped", " ".join(hints), tuple(lines))


def read_tree(repository: Repository, commit: str, subdirectory: str = ".", remembered: Contents | None = None) -> Tree:
    """All paths below `subdirectory`, with submodules and large files in place of what stands for them. Raises Refused.

    Of objects that are `remembered` only the size is asked for.
    """
    mode, oid = repository.find(commit, subdirectory)
    if mode != "040000":
        what = "is not a directory" if mode else "is not there"
        raise refused(
            "subdirectory", f"{subdirectory} {what} in commit {commit[:12]}", "Correct `subdirectory` in shipway.toml and commit it."
        )
    faults = Faults()
    prefix = b"" if subdirectory == "." else os.fsencode(subdirectory) + b"/"
    found = list(_walk(repository, commit, oid, prefix, b"", faults))
    items = [item for item in found if STAYS not in item.path.split("/")]
    check_names([item.path for item in items], faults)
    faults.settle(commit)
    entries, blobs, held = _contents(items, repository, faults, remembered or Contents())
    faults.settle(commit)
    tree = Tree(oid, entries, blobs, oid if len(items) == len(found) else manifest.digest(manifest.write(entries)), held)
    if not tree.entries:
        raise refused("empty", f"{subdirectory} is empty in commit {commit[:12]}", "Commit what is to be shipped.")
    return tree


def shown(path: str) -> str:
    """A path for a person, whatever bytes are in it."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return text if text.isprintable() else ascii(text)[1:-1]


@dataclass(frozen=True, slots=True)
class _Item:
    repository: Repository
    mode: str
    oid: str
    size: int | None
    path: str


def _walk(repository: Repository, commit: str, tree: str, prefix: bytes, base: bytes, faults: Faults) -> Iterator[_Item]:
    """Everything but directories. `prefix` is where the tree lies in its repository, `base` where it lies in the release."""
    names: dict[bytes, str] | None = None
    for mode, oid, size, name in repository.below(tree):
        path = os.fsdecode(base + name)
        if mode != "160000":
            yield _Item(repository, mode, oid, size, path)
            continue
        names = module_names(repository, commit) if names is None else names
        module = find_module(repository, names.get(prefix + name), prefix + name, oid)
        if module is None:
            faults.add("submodule", path, f"is a submodule, and its commit {oid[:12]} is not on this machine")
        else:
            yield from _walk(module, oid, f"{oid}^{{tree}}", b"", base + name + b"/", faults)


def check_names(paths: Collection[str], faults: Faults) -> None:
    """No path may lead elsewhere, be there twice or lie below a file: git's own checks are not what keeps a host safe."""
    seen: set[str] = set()
    for path in paths:
        why = _fault_of(path) if len(path) > 63 or _ODD.search(f"/{path}/") else ""
        if why or path in seen:
            faults.add("name", path, why or "is there twice")
        seen.add(path)
    clear = {""}
    for path in seen:
        above, passed, good = path.rpartition("/")[0], [], True
        while above not in clear:
            if above in seen:
                faults.add("name", path, f"lies below {shown(above)}, which is a file")
                good = False
            passed.append(above)
            above = above.rpartition("/")[0]
        if good:
            clear.update(passed)


def _fault_of(path: str) -> str:
    """Why no host can have this name; "" where it can."""
    parts = path.split("/")
    if any(part.lower() == ".git" for part in parts):
        return "is named .git, and git would take it for a repository"
    if any(part in ("", ".", "..") for part in parts):
        return "is not a plain path below the tree"
    if len(os.fsencode(path)) > manifest.MOST_PATH_BYTES or any(len(os.fsencode(part)) > manifest.MOST_NAME_BYTES for part in parts):
        return "is longer than a host can have it"
    return ""


def _contents(
    items: list[_Item], home: Repository, faults: Faults, remembered: Contents
) -> tuple[tuple[Entry, ...], dict[str, str], dict[str, bytes]]:
    known: dict[tuple[Path, str], _Content] = {}
    links = {item.oid for item in items if item.mode == "120000"}
    for directory, repository in {item.repository.directory: item.repository for item in items}.items():
        sizes = {item.oid: item.size for item in items if item.repository.directory == directory}
        place = "" if repository is home else f":{directory}"
        known |= {(directory, content.oid): content for content in _read_all(repository, sizes, place, links, remembered)}
    entries: list[Entry] = []
    blobs: dict[str, str] = {}
    held: dict[str, bytes] = {}
    for item in items:
        content = known[item.repository.directory, item.oid]
        if item.mode == "120000":
            if not content.head:
                faults.add("link", item.path, "is a link to nothing that a host could follow")
            entries.append(Entry(item.path, "link", target=os.fsdecode(content.head)))
            continue
        if content.pointer is not None:
            content = _resolve(item, content.pointer, faults)
        entries.append(Entry(item.path, "executable" if item.mode == "100755" else "file", content.digest, content.size))
        blobs[content.digest] = content.place
        if content.held is not None:
            held[content.digest] = content.held
    return tuple(entries), blobs, held


@dataclass(frozen=True, slots=True)
class _Content:
    oid: str
    digest: str
    size: int
    place: str
    head: bytes = b""
    pointer: Pointer | None = None
    held: bytes | None = None


def _read_all(
    repository: Repository, sizes: Mapping[str, int | None], place: str, links: Collection[str], remembered: Contents
) -> Iterator[_Content]:
    """Read every object that is not remembered, in bulk, and name it by its content. One that is remembered must be there all the same."""
    seen = remembered.of(oid for oid in sizes if oid not in links)
    known = {oid: found for oid, found in seen.items() if sizes[oid] == found[1]}
    yield from (_Content(oid, digest, size, f"git:{oid}{place}") for oid, (digest, size) in known.items())
    read: list[_Content] = []
    left = HELD_BYTES
    for blob in repository.git.blobs(oid for oid in sizes if oid not in known):
        read.append(_read(blob, place, left))
        left -= len(read[-1].held or b"")
    remembered.add({one.oid: (one.digest, one.size) for one in read if one.pointer is None})
    yield from read


def _read(blob: Blob, place: str, most_held: int) -> _Content:
    """Its digest; of what is small, which links and pointers are, its content too, and all of what is held."""
    where = f"git:{blob.oid}{place}"
    if blob.size > max(most_held, manifest.MOST_PATH_BYTES):
        return _Content(blob.oid, digest_of(blob.chunks()), blob.size, where)
    content = blob.content()
    head = content if blob.size <= manifest.MOST_PATH_BYTES else b""
    return _Content(
        blob.oid, manifest.digest(content), blob.size, where, head, read_pointer(head), content if blob.size <= most_held else None
    )


def _resolve(item: _Item, pointer: Pointer, faults: Faults) -> _Content:
    path = pointer.find(item.repository)
    if path is None or not pointer.describes(path):
        state = "is not on this machine" if path is None else f"is damaged in {path}"
        faults.add("large file", item.path, f"is a pointer of Git LFS, and its file {pointer.oid[:12]} {state}")
        return _Content(item.oid, "", 0, "")
    return _Content(item.oid, digest_of(chunks_of(path)), pointer.size, str(path))
