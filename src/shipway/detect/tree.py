"""A listing and a reader in, the text of small files out: all that detection may know of a repository."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

LARGEST_BYTES = 256 << 10
"""A longer file is nobody's configuration, and is not looked at."""

Read = Callable[[Sequence[str]], Mapping[str, bytes]]


class Tree:
    """The plain files of one directory of a repository, by their paths inside it. Each is read at most once."""

    def __init__(self, paths: Iterable[str], read: Read) -> None:
        self.paths = tuple(sorted(paths, key=lambda path: (path.count("/"), path)))
        self._there = frozenset(self.paths)
        self._directories = frozenset(parent for path in self.paths for parent in _parents(path))
        self._read = read
        self._texts: dict[str, str | None] = {}

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return path in self._there

    def has_directory(self, path: str) -> bool:
        """Whether there is a file below this path."""
        return path == "." or path in self._directories

    def first(self, *paths: str) -> str | None:
        """The first of these that is there."""
        return next((path for path in paths if path in self._there), None)

    def text(self, path: str) -> str:
        """The text of a file; "" where it is not there, too long, or no text."""
        self.load([path])
        return self._texts.get(path) or ""

    def load(self, paths: Iterable[str]) -> None:
        """Read many files at once, for those who will ask for each."""
        wanted = [path for path in dict.fromkeys(paths) if path in self._there and path not in self._texts]
        if not wanted:
            return
        contents = self._read(wanted)
        for path in wanted:
            self._texts[path] = _text(contents.get(path))

    def line_of(self, path: str, pattern: str) -> int:
        """The line of a file that a regular expression matches first; 0 where none does."""
        return next((number for number, line in self.lines(path) if re.search(pattern, line)), 0)

    def lines(self, path: str) -> Iterator[tuple[int, str]]:
        """The lines of a file with their numbers, from 1."""
        yield from enumerate(self.text(path).splitlines(), start=1)


def _text(content: bytes | None) -> str | None:
    if content is None or len(content) > LARGEST_BYTES or b"\0" in content:
        return None
    return content.decode("utf-8-sig", "replace").replace("\r\n", "\n")


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))
