"""Where each host serves from and what a version holds in; out, what is wrong: a host that serves another version, or other bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def wrong(places: Mapping[str, Path], files: Mapping[str, tuple[int, str]]) -> list[str]:
    """One sentence a host whose tree is not exactly that; empty where all serve it. Every byte is read."""
    with ThreadPoolExecutor(2) as pool:
        return [word for word in pool.map(lambda name: _wrong(name, places[name], files), places) if word]


def _wrong(name: str, place: Path, files: Mapping[str, tuple[int, str]]) -> str:
    for path, (size, digest) in files.items():
        try:
            content = (place / path).read_bytes()
        except OSError as error:
            return f"{name}: {path}: {error.strerror}"
        if len(content) != size or hashlib.sha1(content).hexdigest() != digest:  # noqa: S324 - told apart, not protected
            return f"{name}: {path} is another version's"
    return ""
