"""Release: what is shipped, an immutable tree named by the digest of its content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from shipway_agent.record import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree. `path` and `target` are bytes as text with surrogateescape; `digest` is the blob of a file.

    A `link` is a symbolic link of the tree itself; a `shared` or an `output` is a link that the host makes, to
    `<root>/shared/<path>` or to what a task wrote there.
    """

    path: str
    kind: Literal["file", "executable", "link", "shared", "output"]
    digest: str = ""
    size: int = 0
    target: str = ""


@dataclass(frozen=True, slots=True)
class ToolTree:
    """A tool as it lies on a host of `platform`: its exact version, and a tree named by the digest of its manifest.

    `blobs` maps digest to a path on the operator's disk.
    """

    name: str
    version: str
    platform: str
    digest: str
    entries: tuple[Entry, ...] = ()
    blobs: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Its directory below `toolchains/` of a root."""
        return f"{self.name}-{self.version}-{self.digest[:16]}"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a release came from. `at` is the commit's time, ISO 8601."""

    commit: str
    tree: str
    ref: str
    subject: str
    author: str
    at: str


@dataclass(frozen=True, slots=True)
class Release:
    """The digest names the manifest blob: the same commit and build give the same digest on every machine.

    `blobs` maps digest to where the operator can read it: a path on disk, or a git object ("git:OID" of the
    release's own repository, "git:OID:DIRECTORY" of a submodule's). `tools` are those of every platform that it goes to.
    """

    digest: str
    version: str
    source: Source
    entries: tuple[Entry, ...]
    blobs: Mapping[str, str] = field(default_factory=dict)
    builder: str = ""
    size_bytes: int = 0
    tools: tuple[ToolTree, ...] = ()
