"""Entries of a tree in, its manifest out, and back. Both ends import this file: the digest of these bytes names the release."""

from __future__ import annotations

import os
from functools import lru_cache

from shipway_agent import json_text as json
from shipway_agent.blake import blake2b
from shipway_agent.errors import AgentError
from shipway_agent.typed import TYPE_CHECKING, Any, Dict, Iterable, List, NamedTuple, Optional, Protocol, Sequence, Set, Tuple, Union

if TYPE_CHECKING:
    import re

FILE, EXECUTABLE, LINK, SHARED, OUTPUT = "file", "executable", "link", "shared", "output"
KINDS = (FILE, EXECUTABLE, LINK, SHARED, OUTPUT)
CALLED = {FILE: "a file", EXECUTABLE: "a file", LINK: "a link", SHARED: "shared", OUTPUT: "an output"}

MOST_PATH_BYTES = 4000
MOST_NAME_BYTES = 255
TOLD = 20
"""Faults of one manifest that are named; the rest is counted."""

DIGEST_LETTERS = 64
HEX = "0123456789abcdef"

PLAIN = "(?!\\.\\.?(?:/|$))[^/\0]{1,255}(?:/(?!\\.\\.?(?:/|$))[^/\0]{1,255})*"
"""A path as `_check_path` lets it through, as text of one character a byte."""


class Entry(NamedTuple):
    """One path of a tree, in the bytes the disk will have. `digest` and `size` are of a file's content; `target` is a link's."""

    kind: str
    path: bytes
    digest: str = ""
    size: int = 0
    target: bytes = b""

    @property
    def executable(self) -> bool:
        return self.kind == EXECUTABLE

    @property
    def is_file(self) -> bool:
        return self.kind in (FILE, EXECUTABLE)


class AnyEntry(Protocol):
    """What `write` takes: `Entry`, or the operator's own, whose paths are text with surrogateescape."""

    @property
    def kind(self) -> str: ...
    @property
    def path(self) -> Union[str, bytes]: ...
    @property
    def digest(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def target(self) -> Union[str, bytes]: ...


def write(entries: Iterable[AnyEntry]) -> bytes:
    """The manifest of a tree: one line an entry, sorted by the bytes of the path. The order of `entries` does not matter."""
    rows = sorted([(os.fsencode(e.path), e.kind, e.digest, e.size, os.fsencode(e.target) if e.target else b"") for e in entries])
    texts = [[kind, path.decode("latin-1"), digest, size, target.decode("latin-1")] for path, kind, digest, size, target in rows]
    lines = json.compact(texts)[1:-1].replace("],[", "]\n[")
    if lines.count("\n") >= len(texts):  # a path that looks like the end of a row
        lines = "\n".join(map(json.compact, texts))
    return (lines + "\n").encode("ascii") if texts else b""


def read(data: bytes) -> Tuple[Entry, ...]:
    """The entries of a manifest, sorted. Raises AgentError with one line a fault: `manifest` for what `write` would not make.

    Every path is a plain one below the tree, there once, and below directories only: no entry can be written through another.
    `shadowed` when the only faults are entries below a shared path.
    """
    entries = _well_formed(data)
    return _told(data) if entries is None else entries


def read_again(data: bytes) -> Tuple[Entry, ...]:
    """What `read` makes of a manifest that it has let through before, in a third of the time."""
    rows = json.loads(b"[" + b",".join(data.split(b"\n")[:-1]) + b"]")
    return tuple(
        [Entry(kind, path.encode("latin-1"), digest_text, size, target.encode("latin-1")) for kind, path, digest_text, size, target in rows]
    )


def _well_formed(data: bytes) -> Optional[Tuple[Entry, ...]]:
    """The entries of a manifest that has no fault; None for one whose faults are to be told. A tree of 2,000 files is read in 6 ms."""
    lines = data.split(b"\n")
    if lines.pop():
        return None
    entries: List[Entry] = []
    others: Set[str] = set()
    """Directories that are known to have nothing else in their place."""
    taken: Set[str] = set()
    last = ""
    plain = _plain().fullmatch
    try:
        text = b"[" + b",".join(lines) + b"]"
        rows = json.loads(text)
        # With no end of a row inside a line there is one in front of each of the others: every line is a row.
        if len(rows) != len(lines) or b"],[" in data or _canonical_line(rows) != text:
            return None
        for row in rows:
            kind, path, digest_text, size, target = row
            above = path.rpartition("/")[0]
            if path <= last or len(path) > MOST_PATH_BYTES or not plain(path):
                return None
            if above not in others and not _is_directory(above, taken, others):
                return None
            if kind in (FILE, EXECUTABLE):
                if not is_digest(digest_text) or target != "" or type(size) is not int or size < 0:
                    return None
                entries.append(Entry(kind, path.encode("latin-1"), digest_text, size))
            else:
                entries.append(_entry(row))
            taken.add(path)
            last = path
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return tuple(entries)


@lru_cache(maxsize=1)
def _plain() -> re.Pattern[str]:
    import re  # a look reads no manifest

    return re.compile(PLAIN, re.DOTALL)


def _is_directory(path: str, taken: Set[str], others: Set[str]) -> bool:
    """Whether neither a path nor one above it is taken by an entry; entries come in order, so that all of them are known."""
    seen = []
    while path and path not in others:
        if path in taken:
            return False
        seen.append(path)
        path = path.rpartition("/")[0]
    others.update(seen)
    return True


def _above(path: bytes) -> List[bytes]:
    """The directories that a path lies in."""
    parts = path.split(b"/")
    return [b"/".join(parts[:count]) for count in range(1, len(parts))]


def _path_text(line: bytes) -> bytes:
    """The path in a line, as JSON: a quote inside has a backslash before it, so that only its end looks like this."""
    return b'"' + line.split(b'","', 2)[1] + b'"'


def _place(lines: Sequence[bytes], path: bytes) -> int:
    """Where among sorted lines one with this path belongs."""
    low, high = 0, len(lines)
    while low < high:
        middle = (low + high) // 2
        if str(json.loads(_path_text(lines[middle]))).encode("latin-1") < path:
            low = middle + 1
        else:
            high = middle
    return low


def _canonical_line(row: Sequence[Any]) -> bytes:
    return json.compact(row).encode("ascii")


def _told(data: bytes) -> Tuple[Entry, ...]:
    """What `_well_formed` does, one thing after the other, with every fault by its name."""
    entries: List[Entry] = []
    faults: List[str] = []
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            entries.append(_entry(json.loads(line)))
        except (ValueError, TypeError, RecursionError) as error:
            faults.append(f"line {number}: {error}")
    clashes = _clashes(entries)
    if not faults and not clashes and write(entries) != data:
        faults.append("it is not in the one form that a manifest has")
    if not faults and clashes and all(kind == SHARED for kind, _ in clashes):
        raise refusal("shadowed", "the release would hide a shared path", [fault for _, fault in clashes])
    faults += [fault for _, fault in clashes]
    if faults:
        raise refusal("manifest", "the manifest is refused", faults)
    return tuple(entries)


def contents(entries: Iterable[AnyEntry]) -> List[Tuple[str, bool, int]]:
    """Digest, executable, size in bytes of every file's content, each once, in the order of the entries."""
    return list(dict.fromkeys((e.digest, e.kind == EXECUTABLE, e.size) for e in entries if e.kind in (FILE, EXECUTABLE)))


def change(base: bytes, wanted: bytes) -> Tuple[List[Any], List[str]]:
    """What makes of one manifest another: the rows to put and the paths to remove, as `changed` takes them."""
    before, after = base.split(b"\n")[:-1], wanted.split(b"\n")[:-1]
    old, new = frozenset(before), frozenset(after)
    put = [json.loads(line) for line in after if line not in old]
    paths = frozenset(row[1] for row in put)
    gone = (json.loads(line)[1] for line in before if line not in new)
    return put, [path for path in gone if path not in paths]


def changed(base: bytes, put: Sequence[Any], removed: Sequence[str]) -> bytes:
    """The manifest that these changes make of `base`. Whether it is one, its digest tells. Raises AgentError `manifest` for no changes."""
    try:
        rows = {row[1]: _canonical_line(row) for row in put}
        gone = {json.compact(path).encode("ascii") for path in (*rows, *removed)}
        lines = [line for line in base.split(b"\n")[:-1] if _path_text(line) not in gone]
        for path, line in rows.items():
            lines.insert(_place(lines, path.encode("latin-1")), line)
        return b"".join([line + b"\n" for line in lines])
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise AgentError("manifest", f"these are no changes of a manifest: {error}") from None


def read_changed(data: bytes, put: Sequence[Any]) -> Tuple[Entry, ...]:
    """What `read` makes of a manifest that `changed` made of one that it has let through, in half of the time. Raises as that does."""
    try:
        new = [_entry(row) for row in put]
    except (ValueError, TypeError, RecursionError):
        return read(data)
    entries = read_again(data)
    paths = {entry.path for entry in entries}
    lowest = {entry.path.rpartition(b"/")[0] for entry in entries}
    directories = lowest.union(*map(_above, lowest))
    fits = all(entry.path not in directories and paths.isdisjoint(_above(entry.path)) for entry in new)
    return entries if fits else read(data)


def refusal(code: str, what: str, faults: Sequence[str]) -> AgentError:
    """One error for all faults of one input; the first TOLD of them are its lines."""
    more = [f"and {len(faults) - TOLD} more"] if len(faults) > TOLD else []
    counted = faults[0] if len(faults) == 1 else f"{len(faults)} faults, the first: {faults[0]}"
    return AgentError(code, f"{what}: {counted}", [*faults[:TOLD], *more], faults=len(faults))


def digest(data: bytes) -> str:
    """The name of some content: 64 hex digits of BLAKE2b."""
    return blake2b(data, digest_size=32).hexdigest()


def is_digest(text: str) -> bool:
    """Whether a text is a digest: 64 hex digits in lower case."""
    return len(text) == DIGEST_LETTERS and not text.strip(HEX)


def digest_of(value: Any) -> str:
    """The value itself when it is a digest. Raises AgentError `digest`: a digest is part of a path."""
    if not isinstance(value, str) or not is_digest(value):
        raise AgentError("digest", f"{value!r} is not a digest of 64 hex digits")
    return value


def shown(path: bytes) -> str:
    """A path for people and JSON, whatever bytes are in it."""
    return path.decode("utf-8", "backslashreplace")


def _entry(row: Any) -> Entry:
    if not isinstance(row, list) or len(row) != 5:
        raise ValueError("not five values")
    kind, path_text, digest_text, size, target_text = row
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r}")
    if not isinstance(path_text, str) or not isinstance(target_text, str) or not isinstance(digest_text, str):
        raise ValueError("path, digest and target are not text")
    path, target = path_text.encode("latin-1"), target_text.encode("latin-1")
    _check_path(path)
    name = shown(path)
    if type(size) is not int or size < 0:
        raise ValueError(f"{name!r} has size {size!r}")
    if kind in (FILE, EXECUTABLE):
        if not is_digest(digest_text):
            raise ValueError(f"{name!r} has digest {digest_text!r}")
        if target:
            raise ValueError(f"{name!r} is a file with a target")
    elif digest_text or size:
        raise ValueError(f"{name!r} is a link with content")
    if kind == LINK and (not target or b"\0" in target or len(target) > MOST_PATH_BYTES):
        raise ValueError(f"{name!r} points at {shown(target)!r}")
    if kind in (SHARED, OUTPUT) and target:
        raise ValueError(f"{name!r} is {kind} and has a target; the host chooses it")
    return Entry(kind, path, digest_text, size, target)


def _check_path(path: bytes) -> None:
    name = shown(path)
    if not path or len(path) > MOST_PATH_BYTES:
        raise ValueError(f"{name[:80]!r} has {len(path)} bytes; 1 to {MOST_PATH_BYTES} are possible")
    if b"\0" in path:
        raise ValueError(f"{name!r} has a NUL in it")
    for part in path.split(b"/"):
        if part in (b"", b".", b".."):
            raise ValueError(f"{name!r} is not a plain path below the tree")
        if len(part) > MOST_NAME_BYTES:
            raise ValueError(f"{name[:80]!r} has a name of {len(part)} bytes; {MOST_NAME_BYTES} are possible")


def _clashes(entries: List[Entry]) -> List[Tuple[str, str]]:
    """Paths that are there twice, and paths below something that is not a directory: the kind of what is in the way, and a sentence."""
    kinds: Dict[bytes, str] = {}
    faults = []
    for entry in entries:
        if entry.path in kinds:
            faults.append(("", f"{shown(entry.path)!r} is there twice"))
        kinds[entry.path] = entry.kind
    for entry in entries:
        cut = entry.path.rfind(b"/")
        while cut > 0:
            above = entry.path[:cut]
            if above in kinds:
                faults.append((kinds[above], f"{shown(entry.path)!r} lies below {shown(above)!r}, which is {CALLED[kinds[above]]}"))
            cut = entry.path.rfind(b"/", 0, cut)
    return faults
