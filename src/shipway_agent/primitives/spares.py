"""The release that serves in, a spare tree of it out: laid while nobody waits, so that the next release is that tree and what differs.

To link 2,000 files takes a host 45 ms of processor time: behind a deployment nobody waits for them. A spare tree is the very files of a
release whose every byte was read, and has a seal of its own: it is used only while that is unbroken.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager

from shipway_agent import json_text as json
from shipway_agent import manifest
from shipway_agent.errors import naming
from shipway_agent.folder import Folder
from shipway_agent.identity import MODE, Identity
from shipway_agent.journal import Journal
from shipway_agent.manifest import Entry
from shipway_agent.primitives import blobs, filling, generations, intake, seals, trees
from shipway_agent.primitives.seals import SEAL, SPARE
from shipway_agent.root import Root
from shipway_agent.typed import Collection, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set
from shipway_agent.walk import walk

PREFIX = "spare-"
"""What comes before its release's digest in the name of a spare tree, beside the releases."""

MOST_MANIFEST_BYTES = 4 << 20
"""No spare tree of a release whose manifest is larger: some 30,000 files, half a second of a thread."""

WORTH = 2
"""A spare tree is taken where at least one in so many entries of the larger of both, the new tree and it, is the same."""

OUTPUT = b'["output",'
"""How the line of an entry begins whose link names its release."""


class Spare(NamedTuple):
    """A spare tree, in a workshop. `files` says what each path is; of `old` paths the new release has none, or another."""

    tree: Folder
    files: Mapping[bytes, Identity]
    old: List[bytes]
    new: Dict[bytes, Entry]
    """What it lacks, by the lines of the manifest."""


def lay(root: Root, journal: Journal) -> bool:
    """Have a spare tree of the release that serves, where there is none, or one of what a deployment has replaced since; whether one was
    made.

    None of a release that somebody wrote to, of a very large one, or where files are copies of blobs; and behind a rollback the one of
    what it left stays, for what comes next is most like that. What is killed on the way leaves what the next one removes. Raises
    AgentError for a fault of the disk, or `flipped` for a damaged blob.
    """
    document = generations.read(root, journal.member().current or 0)
    standing = _standing(root, journal)
    if document is None or (standing is not None and (standing == document["release"] or document.get("kind") != "deploy")):
        return False
    release = str(document["release"])
    seal = journal.meta(SEAL + release)
    with root.prune_lock(), root.at(trees.FOLDER) as folder, seals.breaking(root, journal):
        forget(root, journal)
        if seal is None or not _suits(root, folder, release):
            return False
        known = seals.unbroken(root, journal, folder, release)
        root.unbroken.pop(release, None)  # a supervisor lives for long
        if known is None:
            return False
        entries = manifest.read_again(blobs.read(root, release))
        with folder.workshop() as tree:
            own = seals.seal(filling.fill(root, tree, release, entries, known))
            folder.rename(tree.name, PREFIX + release)
        with journal.transaction():
            if journal.meta(SEAL + release) == seal:  # nobody has found a damaged file meanwhile
                journal.set_meta(SPARE, f"{release} {own}")
    return True


def forget(root: Root, journal: Journal, releases: Collection[str] = ()) -> None:
    """Remove every spare tree but that of one of these releases."""
    kept = _standing(root, journal)
    if kept is not None and kept not in releases:
        journal.set_meta(SPARE, None, synced=False)
    for name in root.names(trees.FOLDER):
        if name.startswith(PREFIX) and not (name == f"{PREFIX}{kept}" and kept in releases):
            root.remove(f"{trees.FOLDER}/{name}")


@contextmanager
def taken(root: Root, journal: Journal, folder: Folder, lines: Mapping[bytes, Entry]) -> Iterator[Optional[Spare]]:
    """The spare tree as a workshop of `folder`, for a release whose manifest has these lines. None where none is of use.

    Nobody takes it again, whatever becomes of it; and a new one is wished for, of what serves once that is decided.
    """
    release = _standing(root, journal)
    before = [line for line in seals.lines_of(root, release) if line] if release is not None else []
    kept = {line for line in before if line in lines and not line.startswith(OUTPUT)}
    _, _, own = (journal.meta(SPARE) or "").partition(" ")
    journal.set_meta(SPARE, "", synced=False)
    if release is None or not kept or len(kept) * WORTH < max(len(lines), len(before)):
        yield None
        return
    files: Dict[bytes, Identity] = {}

    def is_whole(tree: Folder) -> bool:
        found = seals.look(tree)
        files.update(found.files)
        return found.seal == own

    with folder.taken(PREFIX + release, is_whole) as tree:
        if tree is None:
            yield None
            return
        old = [json.loads(line)[1].encode("latin-1") for line in before if line not in kept]
        yield Spare(tree, files, old, {line: entry for line, entry in lines.items() if line not in kept})


def change(root: Root, spare: Spare, release: str, entries: Iterable[Entry], known: Mapping[bytes, Identity]) -> Dict[bytes, Identity]:
    """Make of a spare tree the one that has these entries. What each path is then.

    Raises AgentError as `filling.put` does.
    """
    before = {path for path, file in spare.files.items() if stat.S_ISDIR(file[MODE])}
    after = filling.directories(entries)
    touched = {b"", *(after - before), *map(_above, [*spare.old, *(before ^ after), *(entry.path for entry in spare.new.values())])}
    for path in [b"", *sorted(touched & before)]:
        with spare.tree.at(path) as place, naming(place.path):
            os.fchmod(place.fd, 0o700)
    _remove(spare.tree, spare.old, before - after)
    wanted: Dict[bytes, List[Entry]] = {path: [] for path in sorted(touched - (before - after))}
    for entry in spare.new.values():
        wanted[_above(entry.path)].append(entry)
    gone = {*spare.old, *(before - after)}
    kept = {path: file for path, file in spare.files.items() if path not in gone}
    return {**kept, **filling.put(root, spare.tree, release, wanted, known)}


def _standing(root: Root, journal: Journal) -> Optional[str]:
    """The release of which there is a spare tree."""
    release = (journal.meta(SPARE) or "").partition(" ")[0]
    return release if release and root.stat(f"{trees.FOLDER}/{PREFIX}{release}") is not None else None


def _suits(root: Root, folder: Folder, release: str) -> bool:
    """Whether a release is small enough, and its files are those of the store: elsewhere each would be copied."""
    size = root.stat(f"{intake.FOLDER}/{intake.path_of(release, False)}")
    if size is None or size.st_size > MOST_MANIFEST_BYTES:
        return False
    with folder.at(release) as tree:
        first = next((info for _, _, _, info in walk(tree) if stat.S_ISREG(info.st_mode)), None)
    return first is not None and first.st_nlink > 1


def _above(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def _remove(tree: Folder, paths: Iterable[bytes], directories: Set[bytes]) -> None:
    """Remove these files and links, then these directories, which have nothing else in them."""
    for path in paths:
        with tree.at(_above(path)) as place, naming(place.full(path)):
            os.unlink(path.rpartition(b"/")[2], dir_fd=place.fd)
    for path in sorted(directories, reverse=True):
        with tree.at(_above(path)) as place, naming(place.full(path)):
            os.rmdir(path.rpartition(b"/")[2], dir_fd=place.fd)
