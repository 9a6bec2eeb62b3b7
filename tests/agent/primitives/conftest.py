"""What every test of a primitive works in, on a root of its own; and trees to fill it with."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

import pytest

from shipway_agent.journal import Journal
from shipway_agent.manifest import EXECUTABLE, FILE, Entry, digest, write
from shipway_agent.primitives import Context, blobs, intake
from shipway_agent.root import Root


@pytest.fixture
def context(root: Root) -> Iterator[Context]:
    with Journal(root) as journal:
        journal.name_member("a")
        yield context_of(root, journal)


def context_of(root: Root, journal: Journal) -> Context:
    """What a step gets to work with."""
    return Context(root, "", journal, "d1", 1, "key", time.monotonic() + 60, lambda event: None)


class Tree:
    """A tree to be shipped: files by path, and other entries. Its digest is the release."""

    def __init__(self, files: Mapping[bytes, bytes], *others: Entry, executable: tuple[bytes, ...] = ()) -> None:
        self.files = dict(files)
        self.entries = [
            *(Entry(EXECUTABLE if p in executable else FILE, p, digest(data), len(data)) for p, data in files.items()),
            *others,
        ]
        self.manifest = write(self.entries)
        self.release = digest(self.manifest)
        contents = {(digest(data), path in executable): data for path, data in files.items()}
        self.contents = {**contents, (self.release, False): self.manifest}

    @property
    def args(self) -> dict[str, str]:
        """Arguments of tree.make."""
        return {"release": self.release, "manifest": self.release}

    @property
    def wanted(self) -> list[tuple[str, bool, int]]:
        return [(name, executable, len(data)) for (name, executable), data in self.contents.items()]

    def ship(self, context: Context) -> None:
        """Bring every blob of it."""
        blobs.keep(context.root, self.wanted, list(self.contents.values()))


def blob_path(root: Root, name: str, executable: bool = False) -> str:
    """Where a blob lies."""
    return f"{root.path}/blobs/{intake.shelf_of(name)}/{intake.name_of(name, executable)}"


def flip(path: str, bit: int) -> None:
    """Change one bit of a file, as a bad disk does."""
    mode = os.stat(path).st_mode
    os.chmod(path, 0o600)
    with open(path, "r+b") as file:
        data = bytearray(file.read())
        data[bit // 8 % len(data)] ^= 1 << bit % 8
        file.seek(0)
        file.write(data)
    os.chmod(path, mode & 0o777)
