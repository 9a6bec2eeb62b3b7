"""Content of a restore point in, its digest and how far a copy has come out."""

from __future__ import annotations

import hashlib
import os
import time
from typing import Callable, Tuple

from shipway_agent.folder import Folder, Name

CHUNK = 1 << 20
SAID_SECONDS = 2.0


class Progress:
    """How far a copy has come, said every two seconds: bytes, how many the last copy had, the rate, and what is left by these."""

    def __init__(self, say: Callable[[str], None], likely_bytes: int) -> None:
        self._say = say
        self._likely = likely_bytes
        self._began = self._said = time.monotonic()

    def at(self, done_bytes: int) -> None:
        """So much is written."""
        now = time.monotonic()
        if now < self._said + SAID_SECONDS:
            return
        self._said = now
        rate = done_bytes / (now - self._began)
        words = f"{megabytes(done_bytes)} copied, {megabytes(rate)} a second"
        if self._likely > done_bytes and rate > 0:
            words += f", about {(self._likely - done_bytes) / rate:.0f} s left of {megabytes(self._likely)}"
        self._say(words)


def megabytes(count: float) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:,.1f} MB"


def digest_of_file(folder: Folder, name: Name, *, sync: bool = True) -> Tuple[str, int]:
    """The digest of a file and its size; with `sync` it is on disk when this returns."""
    hashing, size = hashlib.blake2b(digest_size=32), 0
    fd = folder.file(name)
    try:
        if sync:
            os.fsync(fd)
        while True:
            part = os.read(fd, CHUNK)
            if not part:
                return hashing.hexdigest(), size
            hashing.update(part)
            size += len(part)
    finally:
        os.close(fd)
