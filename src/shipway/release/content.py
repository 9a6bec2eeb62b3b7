"""Content in pieces in, its digest out: the same name for the same bytes as on every host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

CHUNK_BYTES = 1 << 20


def digest_of(chunks: Iterable[bytes]) -> str:
    """64 hex digits of BLAKE2b."""
    found = hashlib.blake2b(digest_size=32)
    for chunk in chunks:
        found.update(chunk)
    return found.hexdigest()


def chunks_of(path: Path) -> Iterator[bytes]:
    """A file's content, without holding it whole."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
