"""A release and an earlier commit in; out, what git alone tells of the earlier release: its manifest, and the contents that differ."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Literal

from shipway.model.errors import Refused
from shipway.model.release import Entry, Release
from shipway.release.git import Blob
from shipway.release.large_files import read_pointer
from shipway.release.remembered import Contents
from shipway.release.source import Repository
from shipway.release.tree import STAYS
from shipway_agent import manifest
from shipway_agent.record import dataclass, field

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_MODULE = "160000"
_LINK = "120000"

File = manifest.Entry
"""A file as a manifest has it."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The release `digest` as it can be known here: its manifest (empty where it cannot), and the git object of contents by digest.

    `files` are those that differ, by path.
    """

    digest: str
    manifest: bytes = b""
    objects: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[bytes, File] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Was:
    """A path that differs, and what it was: mode and object are empty where it was not there."""

    path: str
    mode: str
    oid: str


def earlier(
    repository: Repository, release: Release, subdirectory: str, commit: str, digest: str, remembered: Contents | None = None
) -> Earlier:
    """What is known here of the release `digest`, which was made from `commit`. Reads only what differs and is not `remembered`; never
    raises.

    Nothing is known of a commit that is not in this repository, and no manifest where a build, a submodule or shipway.toml made another.
    """
    if not _COMMIT.fullmatch(commit):
        return Earlier(digest)
    try:
        were = list(_differing(repository, commit, release.source.commit, subdirectory))
        contents = _contents(repository, were, remembered or Contents())
    except (Refused, OSError):
        return Earlier(digest)
    objects = {entry.digest: oid for oid, entry in contents.items() if entry.digest}
    if any(was.mode == _MODULE for was in were):
        return Earlier(digest, b"", objects)
    files: dict[bytes, File] = {}
    entries = {entry.path: entry for entry in release.entries}
    for was in were:
        entries.pop(was.path, None)
        if was.oid:
            content = contents[was.oid]
            if was.mode == _LINK:
                entries[was.path] = Entry(was.path, "link", target=content.target)
            else:
                kind: Literal["file", "executable"] = "executable" if was.mode == "100755" else "file"
                entries[was.path] = Entry(was.path, kind, content.digest, content.size)
                files[os.fsencode(was.path)] = File(kind, os.fsencode(was.path), content.digest, content.size)
    data = manifest.write(entries.values())
    return Earlier(digest, data if manifest.digest(data) == digest else b"", objects, files)


def read_objects(repository: Repository, oids: list[str]) -> Iterator[bytes]:
    """The content of each object, in order. Raises Refused where one is gone."""
    return (blob.content() for blob in repository.git.blobs(oids))


def _differing(repository: Repository, commit: str, later: str, subdirectory: str) -> Iterator[_Was]:
    trees = [f"{one}^{{tree}}" if subdirectory == "." else f"{one}:{subdirectory}" for one in (commit, later)]
    fields = iter(repository.git.ask("diff-tree", "-r", "-z", "--no-renames", *trees).split(b"\0")[:-1])
    for facts, name in zip(fields, fields):
        mode, _, oid, _, _ = facts.decode("ascii").lstrip(":").split(" ")
        path = os.fsdecode(name)
        if STAYS not in path.split("/"):
            yield _Was(path, mode, oid.strip("0") and oid)


def _contents(repository: Repository, were: list[_Was], remembered: Contents) -> dict[str, _Read]:
    """What each earlier object holds. One that is remembered must be there all the same, and is none that stands for a file elsewhere."""
    links = {was.oid for was in were if was.mode == _LINK}
    oids = dict.fromkeys(was.oid for was in were if was.oid and was.mode != _MODULE)
    seen = remembered.of(oid for oid in oids if oid not in links)
    sizes = repository.git.sizes(seen) if seen else {}
    known = {oid: _Read(digest, size) for oid, (digest, size) in seen.items() if sizes.get(oid) == size}
    rest = [oid for oid in oids if oid not in known]
    return known | {blob.oid: _read(blob, blob.oid in links) for blob in (repository.git.blobs(rest) if rest else ())}


@dataclass(frozen=True, slots=True)
class _Read:
    digest: str
    size: int
    target: str = ""


def _read(blob: Blob, is_link: bool) -> _Read:
    content = blob.content()
    if read_pointer(content) is not None:
        return _Read("", 0)  # it stands for a file elsewhere: then the manifest comes out another, and the host is asked for it
    return _Read(manifest.digest(content), len(content), os.fsdecode(content) if is_link else "")
