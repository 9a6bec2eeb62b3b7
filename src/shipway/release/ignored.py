"""The last lines of a failed build in, the files that it seems to miss out: those of the checkout that no commit has."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from shipway.release.git import GitFailed
from shipway.release.source import Repository

MOST = 3


def mentioned(repository: Repository, lines: Sequence[str]) -> list[str]:
    """Ignored and untracked files, by path, whose name stands in the lines. A guess for a hint, never a reason to fail."""
    if repository.bare:
        return []
    said = "\n".join(lines)
    try:
        # Both kinds are absent from a clean checkout, which is all that counts here: so the ignore rules are not asked.
        listed = repository.git.ask("ls-files", "--others", "--directory", "--no-empty-directory", "-z")
    except GitFailed:
        return []
    found = []
    for record in listed.split(b"\0")[:-1]:
        path = os.fsdecode(record).rstrip("/")
        name = path.rpartition("/")[2]
        if len(name) > 2 and not path.startswith(".shipway") and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", said):
            found.append(path)
    return [path for path in found if path.isprintable()][:MOST]
