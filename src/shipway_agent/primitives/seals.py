"""A tree in, its seal out: what the file system says of every path, so that what was read once is not read again while nobody writes to it.

Whoever writes to a file, or puts another in its place, breaks the seal of every tree that has it. Links that later releases share do not
(they change ctime alone). A disk that lost a bit, and somebody who sets the time back on purpose, are seen only by reading, which
`shipway verify` and `doctor` do.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import contextmanager

from shipway_agent.blake import blake2b
from shipway_agent.errors import AgentError, Missing, naming
from shipway_agent.folder import Folder
from shipway_agent.identity import MODE, TICK_SECONDS, WRITTEN, Identity, identity, is_young
from shipway_agent.journal import Journal
from shipway_agent.manifest import Entry
from shipway_agent.primitives import blobs, intake
from shipway_agent.root import Root
from shipway_agent.typed import Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

SEAL = "seal:"
"""What comes before a release's digest in the journal's meta: its seal when every byte of it had been read."""

TOOL = "tool:"
"""The same of a toolchain's place: its manifest, a space, and its seal."""

SPARE = f"{SEAL}spare"
"""The same of the spare tree: its release, a space, and its seal; "" while one is wished for. It goes with all seals, also where an older
agent breaks them.
"""

MOST_REMEMBERED = 20_000
"""Paths of a tree that a process keeps in mind, some 6 MB; a larger one is looked at again."""

MOST_TREES = 3
"""Standing trees that are looked at for files of a new one: the one that serves, and the newest two beside it."""


class Look(NamedTuple):
    """A tree as it stands: its seal, and what each path is."""

    seal: str
    files: Mapping[bytes, Identity]


def look(tree: Folder) -> Look:
    """What the file system says of every path of an open tree. Waits a tick where something in it was written just now."""
    while True:
        files = dict(_paths(tree))
        if not is_young(max((file[WRITTEN] for file in files.values()), default=0)):
            return Look(seal(files), files)
        time.sleep(TICK_SECONDS)


def _paths(tree: Folder) -> Iterator[Tuple[bytes, Identity]]:
    queue = [b""]
    while queue:
        path = queue.pop()
        above = path + b"/" if path else b""
        with tree.at(path) as place, naming(place.path), os.scandir(place.fd) as entries:
            for entry in entries:
                found = identity(entry.stat(follow_symlinks=False))
                if stat.S_ISDIR(found[MODE]):
                    queue.append(above + os.fsencode(entry.name))
                yield above + os.fsencode(entry.name), found


def seal(files: Mapping[bytes, Identity]) -> str:
    """The seal of a tree with these paths. Each is what it was before it was read, so that who wrote since has broken it."""
    text = b"".join([b"%s\0%d %d %d %o %d\0" % (path, *file) for path, file in sorted(files.items())])
    return blake2b(text, digest_size=32).hexdigest()


def seal_of(folder: Folder, name: str) -> str:
    """The seal of the tree `name` in `folder`. Raises Missing."""
    with folder.at(name) as tree:
        return look(tree).seal


def is_sealed(root: Root, journal: Journal, release: str) -> bool:
    """Whether nobody has written to a release since every byte of it was read."""
    from shipway_agent.primitives import trees

    try:
        with root.at(trees.FOLDER) as folder:
            return unbroken(root, journal, folder, release) is not None
    except Missing:
        return False


def break_all(root: Root, journal: Journal) -> None:
    """No tree counts as read any more: a file was found to be other than its time says, and any of them may have that very file."""
    root.compared, root.unbroken, root.replaced = {}, {}, False
    with journal.transaction():
        for (key,) in journal.rows("SELECT key FROM meta WHERE key GLOB ?", (f"{SEAL}*",)):
            journal.set_meta(key, None)
        for key, said in journal.rows("SELECT key, value FROM meta WHERE key GLOB ?", (f"{TOOL}*",)):
            journal.set_meta(key, f"{said.partition(' ')[0]} ")


@contextmanager
def breaking(root: Root, journal: Journal) -> Iterator[None]:
    """For work on blobs: where one turns out to be damaged no tree counts as read any more, for each may have that very file."""
    try:
        yield
    except AgentError as error:
        if error.code == "flipped":
            break_all(root, journal)
        raise


def untouched(root: Root, journal: Journal, folder: Folder, lines: Mapping[bytes, Entry]) -> Dict[bytes, Identity]:
    """Of the files of a new tree, those that a standing tree has whose seal is unbroken: path → which file it is there.

    A blob that is that very file was read when the other tree was sealed, and nobody has written to it since. `lines` are the new
    manifest's: the same line in the other manifest is the same path with the same content. What this process has compared itself is not
    looked for, and a tree that it has found unbroken not looked at again: whoever links a file looks at that very file behind the link.
    """
    known: Dict[bytes, Identity] = {}
    compared = root.compared
    left = {
        line: entry.path
        for line, entry in lines.items()
        if entry.is_file and intake.name_of(entry.digest, entry.executable) not in compared
    }
    for release in _standing(root, journal):
        shared = [line for line in lines_of(root, release) if line in left] if left else []
        files = (root.unbroken.get(release) or unbroken(root, journal, folder, release)) if shared else None
        if files is not None:
            known.update((path, files[path]) for path in map(left.pop, shared) if path in files)
    return known


def unbroken(root: Root, journal: Journal, folder: Folder, release: str) -> Optional[Mapping[bytes, Identity]]:
    """What each path of a standing tree is, None where it stands no more or not as it was when it was sealed."""
    root.unbroken.pop(release, None)
    kept = journal.meta(SEAL + release)
    if kept is None:
        return None
    try:
        with folder.at(release) as tree:
            seen = look(tree)
    except Missing:
        return None
    if seen.seal != kept:
        return None
    if len(seen.files) <= MOST_REMEMBERED:
        root.unbroken = {**dict(list(root.unbroken.items())[1 - MOST_TREES :]), release: seen.files}
    return seen.files


def lines_of(root: Root, release: str) -> List[bytes]:
    """The lines of a release's manifest; none where it is gone or damaged: then its files are read like any others."""
    try:
        return blobs.read(root, release).split(b"\n")
    except AgentError:
        return []


def _standing(root: Root, journal: Journal) -> Iterator[str]:
    """Releases of the generations here: of the one that serves, then of the newest."""
    from shipway_agent.primitives import generations

    documents = generations.documents(root)
    current = journal.member().current
    order = sorted(documents, key=lambda number: (number == current, number), reverse=True)
    yield from list(dict.fromkeys(str(documents[number]["release"]) for number in order))[:MOST_TREES]
