"""The last lines of a failed build in, the files that it seems to miss out: those of the checkout that no commit has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from shipway.release.git import GitFailed
from shipway.release.source import Repository

MOST = 3
DEEPEST = 3
"""A file further down is named by its path, or it is somebody else's `index.js`."""


def mentioned(repository: Repository, lines: Sequence[str]) -> list[str]:
    """Ignored and untracked files whose path, or whose name where it is not deep, stands in the lines. A guess for a hint, no more."""
    if repository.bare:
        return []
    try:
        # Both kinds are absent from a clean checkout, which is all that counts here: so the ignore rules are not asked.
        listed = repository.git.ask("ls-files", "--others", "-z")
    except GitFailed:
        return []
    said = {
        ending for word in re.findall(r"[\w./@+-]+", "\n".join(lines)) for ending in _endings(word.strip("./") if "/" in word else word)
    }
    found = []
    for record in listed.split(b"\0")[:-1]:
        path = os.fsdecode(record)
        name = path.rpartition("/")[2]
        if path.startswith(".shipway/") or not path.isprintable():
            continue
        if path in said or (len(name) > 2 and name in said and path.count("/") < DEEPEST):
            found.append(path)
    return found[:MOST]


def _endings(word: str) -> Iterator[str]:
    """The word, and what follows each of its slashes: a message may name a file from anywhere above it."""
    while word:
        yield word
        word = word.partition("/")[2]
