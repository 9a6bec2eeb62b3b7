"""A repository and a directory of it in, the plain files that would be shipped and a reader of them out. Nothing is written."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from shipway.release.source import Repository
from shipway_agent.record import dataclass

PLAIN = ("100644", "100755", "100664")


@dataclass(frozen=True, slots=True)
class Listing:
    """`paths` are relative to the directory. `read` gives the content of those that are at most `largest_bytes` long."""

    paths: tuple[str, ...]
    read: Callable[[Sequence[str]], Mapping[str, bytes]]
    committed: bool


def listing(repository: Repository, directory: str = ".", *, largest_bytes: int) -> Listing:
    """What HEAD has there; where nothing is committed yet, what `git add` would take. Names that are not UTF-8 are left out."""
    code, out = repository.git.run("rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}", answers=(0, 1, 128))
    if code == 0:
        return _of_commit(repository, out.decode("ascii").strip(), directory, largest_bytes)
    return _of_checkout(repository, directory, largest_bytes)


def _of_commit(repository: Repository, commit: str, directory: str, largest_bytes: int) -> Listing:
    mode, tree = repository.find(commit, directory)
    entries = repository.paths(tree) if mode == "040000" else []
    oids = {path: oid for mode, oid, name in entries if mode in PLAIN and (path := _utf8(name)) is not None}

    def read(paths: Sequence[str]) -> dict[str, bytes]:
        wanted = {oids[path]: path for path in paths}
        contents = {}
        for blob in repository.git.blobs(wanted):
            if blob.size <= largest_bytes:
                contents[blob.oid] = blob.content()
        return {path: contents[oids[path]] for path in paths if oids[path] in contents}

    return Listing(tuple(oids), read, committed=True)


def _of_checkout(repository: Repository, directory: str, largest_bytes: int) -> Listing:
    top = repository.top / directory
    listed = repository.git.ask("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", directory)
    prefix = b"" if directory == "." else os.fsencode(directory) + b"/"
    names = {name.removeprefix(prefix) for name in listed.split(b"\0") if name.startswith(prefix) and name}
    paths = sorted(path for name in names if (path := _utf8(name)) is not None and _is_plain(top / path))

    def read(paths: Sequence[str]) -> dict[str, bytes]:
        return {path: (top / path).read_bytes() for path in paths if (top / path).stat().st_size <= largest_bytes}

    return Listing(tuple(paths), read, committed=False)


def _utf8(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None


def _is_plain(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
