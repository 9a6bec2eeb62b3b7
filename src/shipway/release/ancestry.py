"""A repository and two commits in; out, whether one contains the other."""

from __future__ import annotations

from shipway.release.source import Repository


def contains(repository: Repository, commit: str, other: str) -> bool:
    """Whether `other` is `commit` or one of its ancestors. In a clone without its whole history what is not known here counts as one."""
    if commit == other:
        return True
    code, _ = repository.git.run("merge-base", "--is-ancestor", "--end-of-options", other, commit, answers=(0, 1, 128))
    return code == 0 or repository.git.word("rev-parse", "--is-shallow-repository") == "true"
