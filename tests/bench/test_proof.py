"""A host counts only with every byte of the version: what lacks, and what is another version's, is named."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bench.side.proof import wrong

FILES = {"VERSION": b"v2\n", "app/one.py": b"one\n"}
WANTED = {path: (len(content), hashlib.sha1(content).hexdigest()) for path, content in FILES.items()}


def host(place: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    return place


def test_a_tree_with_every_byte_is_right(tmp_path: Path) -> None:
    assert wrong({"a": host(tmp_path / "a", FILES), "b": host(tmp_path / "b", FILES)}, WANTED) == []


def test_each_host_that_serves_something_else_is_named(tmp_path: Path) -> None:
    places = {
        "a": host(tmp_path / "a", FILES),
        "b": host(tmp_path / "b", {**FILES, "app/one.py": b"two\n"}),
        "c": host(tmp_path / "c", {"app/one.py": b"one\n"}),
    }
    assert wrong(places, WANTED) == ["b: app/one.py is another version's", "c: VERSION: No such file or directory"]
