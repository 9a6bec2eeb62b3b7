"""A manifest and blobs in, an exact and verified tree out: `releases/<digest>`, complete under its name or not there at all."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager

from shipway_agent import manifest
from shipway_agent.errors import AgentError, Missing, naming
from shipway_agent.folder import Folder
from shipway_agent.identity import Identity, identity
from shipway_agent.journal import Journal
from shipway_agent.manifest import Entry, digest_of, is_digest, refusal, shown
from shipway_agent.primitives import Context, blobs, intake, manifests, seals
from shipway_agent.primitives.seals import SEAL
from shipway_agent.root import Root
from shipway_agent.stamp import stamp
from shipway_agent.typed import Any, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Set, Tuple
from shipway_agent.walk import walk

FOLDER = "releases"
OUTPUTS = "outputs"
SHARED = "shared"


class Difference(NamedTuple):
    """`what`: missing, extra, changed, mode (also for a file where a link or directory should be: kind)."""

    path: str
    what: str


def make(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Build the release from its blobs. Idempotent; one that stands and is exact is reused.

    Every byte was read: now, or on its way to this disk (intake.py), or when a tree was sealed whose seal is unbroken, which this one is
    or has the very file from (seals.py).
    Files below `static`, which the proxy serves, get the time of their content (stamp.py).

    Raises AgentError: `manifest`, `lacking` (blobs that are not here), `flipped` (blobs that are damaged; they are taken away, so
    that the next try brings them anew), `shadowed`, or a fault of the disk. Nothing then stands under the release's name that
    did not stand there before.
    """
    release, root, journal = digest_of(args["release"]), context.root, context.journal
    if root.replaced:
        seals.break_all(root, journal)
    entries = entries_of(root, release, digest_of(args["manifest"]), again=journal.meta(SEAL + release) is not None)
    refuse_shadows(root, entries)
    files = [entry for entry in entries if entry.is_file]
    answer = {"files": len(files), "bytes": sum(entry.size for entry in files)}
    with root.at(FOLDER, create=True) as folder:
        folder.sweep()
        standing = folder.stat(release) is not None
        kept = journal.meta(SEAL + release) if standing else None
        seen = _look(folder, release) if standing else None
        if seen is not None and (seen.seal == kept or not differences(folder, release, entries)):
            made = dict(seen.files)
            seal = seals.seal(made) if _stamp(folder, release, entries, args.get("static"), made) else seen.seal
            if seal != kept:
                journal.set_meta(SEAL + release, seal, synced=False)
            _make_targets(root, release, entries)
            return {**answer, "reused": True}
        with _built(root, journal, folder, release, entries) as (tree, made):
            _stamp(folder, tree.name, entries, args.get("static"), made)
            seal = seals.seal(made)
            if standing:
                # Somebody changed it. What runs from it keeps the old one, as it is, until the next sweep.
                folder.exchange(tree.name, release)
            else:
                folder.rename(tree.name, release)
        journal.set_meta(SEAL + release, seal, synced=False)
    _make_targets(root, release, entries)
    return {**answer, "reused": False}


def verify(context: Context, args: Mapping[str, Any]) -> Dict[str, Any]:
    """Whether the release is, byte for byte, what its manifest says: {"exact", "differences": [{"path", "what"}]}.

    The tree stays as it is. A blob that is damaged, for it is the same file as a changed one, is taken away, and no tree counts as read
    any more: so the host lacks it, and the next deployment of this release, or of another that has that file, brings it anew and repairs
    the tree.
    """
    release = digest_of(args["release"])
    entries = entries_of(context.root, release, release)
    try:
        with context.root.at(FOLDER) as folder:
            found = differences(folder, release, entries)
    except Missing:
        found = [Difference("", "missing")]
    changed = {difference.path for difference in found if difference.what == "changed"}
    if changed:
        seals.break_all(context.root, context.journal)
    _drop_damaged(context.root, [entry for entry in entries if entry.is_file and shown(entry.path) in changed])
    return {"exact": not found, "differences": [difference._asdict() for difference in found]}


def complete(root: Root) -> List[str]:
    """The digests of the releases that stand here."""
    return [name for name in root.names(FOLDER) if is_digest(name)]


def differences(folder: Folder, release: str, entries: Sequence[Entry]) -> List[Difference]:
    """How the tree `release` in `folder` differs from its entries, by path."""
    from shipway_agent.primitives.filling import directories  # whoever only looks at a host compares no tree

    found: List[Difference] = []
    left = {entry.path: entry for entry in entries}
    above = directories(entries)
    try:
        tree = folder.at(release)
    except Missing:
        return [Difference("", "missing")]
    with tree:
        for path, at, name, info in walk(tree):
            entry = left.pop(path, None)
            if entry is None:
                known = path in above
                if known and stat.S_ISDIR(info.st_mode):
                    above.discard(path)
                    if stat.S_IMODE(info.st_mode) != 0o555:
                        found.append(Difference(shown(path), "mode"))
                else:
                    found.append(Difference(shown(path), "kind" if known else "extra"))
            else:
                what = _differs(at, name, info, entry, release)
                if what:
                    found.append(Difference(shown(path), what))
    found += [Difference(shown(path), "missing") for path in [*left, *above]]
    return sorted(found)


def refuse_shadows(root: Root, entries: Sequence[Entry]) -> None:
    """Raise AgentError `shadowed` where a tree has content of its own at, above or below a shared path of this host that holds data."""
    shared_now = {entry.path for entry in entries if entry.kind == manifest.SHARED}
    paths = {entry.path: entry for entry in entries}
    faults = []
    for path in sorted(shared_of(root) - shared_now):
        if not _holds_data(root, path):
            continue
        above = [path[:cut] for cut in range(len(path)) if path[cut : cut + 1] == b"/"]
        clashes = [p for p in (path, *above) if p in paths and p not in shared_now]
        clashes += [p for p in paths if p.startswith(path + b"/")][:1]
        if clashes:
            faults.append(f"{shown(clashes[0])!r} would take the place of the shared path {shown(path)!r}, which holds data")
    if faults:
        raise refusal("shadowed", "the release would hide a shared path", faults)


def shared_of(root: Root) -> Set[bytes]:
    """The shared paths of this root: what its generations have declared, as far as they are still on disk."""
    from shipway_agent.primitives import generations

    return {os.fsencode(path) for document in generations.documents(root).values() for path in document.get("shared", ())}


def entries_of(root: Root, release: str, digest: str, *, again: bool = False) -> Tuple[Entry, ...]:
    """What the manifest says, which is a blob of this host; `again` of a release that was made here. Raises AgentError `manifest`,
    `lacking`.
    """
    if digest != release:
        raise AgentError("manifest", f"manifest {digest[:12]} does not describe release {release[:12]}", release=release)
    return manifests.entries(_manifest(root, release), again=again)


def _manifest(root: Root, release: str) -> bytes:
    try:
        return blobs.read(root, release)
    except Missing:
        raise AgentError("lacking", f"the manifest of release {release[:12]} is not on this host", blobs=[[release, False]]) from None


@contextmanager
def _built(
    root: Root, journal: Journal, folder: Folder, release: str, entries: Sequence[Entry]
) -> Iterator[Tuple[Folder, Dict[bytes, Identity]]]:
    """In a workshop, a spare tree with what differs, or where none is of use one with every entry; what each path is."""
    from shipway_agent.primitives import filling, spares  # whoever only looks at a host makes no tree

    lines = dict(zip(_manifest(root, release).split(b"\n"), entries))
    with seals.breaking(root, journal):
        with spares.taken(root, journal, folder, lines) as spare:
            if spare is not None:
                yield spare.tree, spares.change(root, spare, release, entries, seals.untouched(root, journal, folder, spare.new))
                return
        known = seals.untouched(root, journal, folder, lines)
        with folder.workshop() as tree:
            yield tree, filling.fill(root, tree, release, entries, known)


def _look(folder: Folder, release: str) -> seals.Look:
    with folder.at(release) as tree:
        return seals.look(tree)


def _stamp(folder: Folder, release: str, entries: Sequence[Entry], static: Any, made: Dict[bytes, Identity]) -> int:
    """Give every file below `static` the time of its content, where it is the file that `made` says; how many had another. It is in
    `made` then, at each path that it has. Somebody wrote to any other in between: its time stays, and breaks the seal.
    """
    if not static:
        return 0
    inside = os.fsencode(str(static)) + b"/"
    served: Dict[bytes, List[Entry]] = {}
    for entry in entries:
        if entry.is_file and entry.path.startswith(inside):
            served.setdefault(entry.path.rpartition(b"/")[0], []).append(entry)
    stamped: Dict[Tuple[int, int], Identity] = {}
    for path, files in served.items():
        with folder.at(os.fsencode(release) + b"/" + path) as place, naming(place.path):
            for entry in files:
                name = entry.path.rpartition(b"/")[2]
                is_now = identity(os.stat(name, dir_fd=place.fd, follow_symlinks=False))
                if is_now == made.get(entry.path) and stamp(place.fd, name, entry.digest):
                    stamped[is_now[:2]] = identity(os.stat(name, dir_fd=place.fd, follow_symlinks=False))
    if stamped:
        made.update({path: stamped[file[:2]] for path, file in made.items() if file[:2] in stamped})
    return len(stamped)


def _drop_damaged(root: Root, entries: Sequence[Entry]) -> None:
    for entry in entries:
        with root.at(intake.FOLDER, create=True) as store:
            path = intake.path_of(entry.digest, entry.executable)
            try:
                file = store.file(path)
            except Missing:
                continue
            try:
                damaged = blobs.digest_of_file(file)[0] != entry.digest
            finally:
                os.close(file)
            if damaged:
                store.unlink(path)


def _make_targets(root: Root, release: str, entries: Sequence[Entry]) -> None:
    """Make the directories that shared paths and outputs point at, where nothing is there yet."""
    for entry in entries:
        if entry.kind in (manifest.SHARED, manifest.OUTPUT):
            base = SHARED if entry.kind == manifest.SHARED else f"{OUTPUTS}/{release}"
            parent, _, name = entry.path.rpartition(b"/")
            with root.at(base, create=True) as place, place.at(parent, create=True) as inside:
                if inside.stat(name) is None:
                    inside.at(name, create=True).close()


def _holds_data(root: Root, path: bytes) -> bool:
    try:
        found = root.stat(b"shared/" + path)
        if found is None or not stat.S_ISDIR(found.st_mode):
            return found is not None
        return bool(root.names(b"shared/" + path))
    except AgentError:
        return True  # a link or another user's: not ours to look into, and not nothing


def _differs(place: Folder, name: bytes, info: os.stat_result, entry: Entry, release: str) -> str:
    if not entry.is_file:
        from shipway_agent.primitives.filling import target_of

        if not stat.S_ISLNK(info.st_mode):
            return "kind"
        return "" if os.readlink(name, dir_fd=place.fd) == target_of(entry, release) else "changed"
    if not stat.S_ISREG(info.st_mode):
        return "kind"
    file = place.open_file(name)
    try:
        if info.st_size != entry.size or blobs.digest_of_file(file) != (entry.digest, entry.size):
            return "changed"
    finally:
        os.close(file)
    return "" if stat.S_IMODE(info.st_mode) == (0o555 if entry.executable else 0o444) else "mode"
