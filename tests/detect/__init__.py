"""A directory in, the same as detection sees a repository out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from shipway.detect.tree import Tree

SOURCES = Path(__file__).with_name("sources")


def tree_of(directory: Path) -> Tree:
    """Every file below a directory."""
    paths = [path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()]

    def read(wanted: Sequence[str]) -> Mapping[str, bytes]:
        return {path: (directory / path).read_bytes() for path in wanted}

    return Tree(paths, read)


def tree_with(**files: str) -> Tree:
    """Files by their names; `__` in a name is a slash, `_` before an ending is a dot."""
    named = {".".join(name.replace("__", "/").rsplit("_", 1)): text.encode() for name, text in files.items()}
    return Tree(named, lambda wanted: {path: named[path] for path in wanted})
