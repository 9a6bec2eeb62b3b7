"""A pointer of Git LFS in, the file that it stands for out, from the repository's own store."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from shipway.release.content import chunks_of
from shipway.release.source import Repository
from shipway_agent.record import dataclass

LARGEST_POINTER_BYTES = 1024

_OID = re.compile(rb"^oid sha256:([0-9a-f]{64})$", re.MULTILINE)
_SIZE = re.compile(rb"^size (\d{1,18})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a pointer says of its file: SHA-256 and size in bytes."""

    oid: str
    size: int

    def find(self, repository: Repository) -> Path | None:
        """The file in the repository's store; None when it was never fetched."""
        path = repository.common / "lfs" / "objects" / self.oid[:2] / self.oid[2:4] / self.oid
        return path if path.is_file() else None

    def describes(self, path: Path) -> bool:
        """Whether the file at `path` has exactly this content."""
        if path.is_symlink() or path.stat().st_size != self.size:
            return False
        found = hashlib.sha256()
        for chunk in chunks_of(path):
            found.update(chunk)
        return found.hexdigest() == self.oid


def read_pointer(content: bytes) -> Pointer | None:
    """The pointer that these bytes are; None when they are an ordinary file."""
    if len(content) > LARGEST_POINTER_BYTES or not content.startswith(b"version https://git-lfs.github.com/spec/v1\n"):
        return None
    oid, size = _OID.search(content), _SIZE.search(content)
    return Pointer(oid[1].decode("ascii"), int(size[1])) if oid and size else None
