"""A commit and a path in, who changed it last and when out."""

from __future__ import annotations

from shipway.release.source import Repository


def last_change(repository: Repository, commit: str, path: str) -> tuple[str, str]:
    """The author's name, and the time in ISO 8601, of the newest commit up to `commit` that changed `path`; empty where none did."""
    said = repository.git.ask("log", "-1", "--no-show-signature", "--format=%an%x00%aI", "--end-of-options", commit, "--", path)
    who, _, when = said.decode("utf-8", "replace").rstrip("\n").partition("\0")
    return who, when
