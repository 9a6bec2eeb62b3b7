"""Git objects in, the digests of their contents out, as far as an earlier command has read them: nobody reads 40 MB to ship one line.

Git names content by its content, so what was read once holds for ever. Each row has a check of its own; a file that cannot be read, is
damaged or is full only means that everything is read again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from shipway_agent.record import dataclass

FILE = "contents.sqlite"

MOST_BYTES = 256 << 20
"""Of the file, some two million contents; beyond it begins anew."""

AT_ONCE = 500
"""Objects in one question: sqlite takes 999 values, and more in newer versions."""

BUSY_SECONDS = 0.2
"""Another command of the same user may be writing; what cannot be had at once is read from git."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS content"
    " (oid BLOB PRIMARY KEY, digest BLOB NOT NULL, size INTEGER NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID"
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What is remembered in a directory of the user's cache. Without a directory nothing is."""

    directory: Path | None = None

    def of(self, oids: Iterable[str]) -> dict[str, tuple[str, int]]:
        """Digest and size in bytes of those objects that were read before. Never raises."""
        found: dict[str, tuple[str, int]] = {}
        with contextlib.suppress(sqlite3.Error, OSError), self._open() as file:
            rest = iter([bytes.fromhex(oid) for oid in oids])
            while some := list(islice(rest, AT_ONCE)):
                places = ",".join("?" * len(some))
                rows = file.execute(f"SELECT oid, digest, size, sealed FROM content WHERE oid IN ({places})", some)  # noqa: S608  # only marks
                found |= {oid.hex(): (digest.hex(), size) for oid, digest, size, sealed in rows if sealed == _seal(oid, digest, size)}
        return found

    def add(self, found: Mapping[str, tuple[str, int]]) -> None:
        """Remember these. Never raises: a full disk here is no reason to do nothing."""
        if not found:
            return
        rows = [(bytes.fromhex(oid), bytes.fromhex(digest), size) for oid, (digest, size) in found.items()]
        with contextlib.suppress(sqlite3.Error, OSError), self._open() as file:
            file.executemany("INSERT OR REPLACE INTO content VALUES (?, ?, ?, ?)", [(*row, _seal(*row)) for row in rows])
            file.commit()

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if self.directory is None:
            raise FileNotFoundError
        path = self.directory / FILE
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            if path.exists() and path.stat().st_size > MOST_BYTES:
                path.unlink()
            with contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as file:
                file.execute(_TABLE)
                yield file
        except sqlite3.DatabaseError as error:
            if not isinstance(error, sqlite3.OperationalError):
                path.unlink(missing_ok=True)  # it is no database any more, and everything in it can be read again
            raise


def _seal(oid: bytes, digest: bytes, size: int) -> bytes:
    return blake2b(b"%b %b %d" % (oid, digest, size), digest_size=8).digest()
