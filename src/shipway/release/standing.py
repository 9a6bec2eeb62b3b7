"""A checkout or a commit in, where it stands among the branches out."""

from __future__ import annotations

from shipway.release.source import Repository
from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """`branch` is empty for a detached HEAD, `upstream` where the branch follows none. Counts are commits against what was last fetched."""

    branch: str
    upstream: str = ""
    ahead: int = 0
    behind: int = 0

    @property
    def sentence(self) -> str:
        """For a person; empty when there is nothing to say."""
        if not self.branch or not self.upstream or not (self.ahead or self.behind):
            return ""
        parts = [f"{count} {what}" for count, what in ((self.ahead, "ahead of"), (self.behind, "behind")) if count]
        diverged = ", so the two have diverged" if self.ahead and self.behind else ""
        return f"{self.branch} is {' and '.join(parts)} {self.upstream}{diverged}"


def standing(repository: Repository) -> Standing:
    """Where HEAD stands. Nothing is fetched: it is what this repository knows."""
    code, out = repository.git.run("symbolic-ref", "--quiet", "HEAD", answers=(0, 1))
    full = out.decode("utf-8", "replace").strip()
    if code or not full.startswith("refs/heads/"):
        return Standing("")
    branch = full.removeprefix("refs/heads/")
    upstream = repository.git.word("for-each-ref", "--format=%(upstream)", full)
    if not upstream or not _commit(repository, upstream) or not _commit(repository, full):
        return Standing(branch)
    counts = repository.git.word("rev-list", "--left-right", "--count", "--end-of-options", f"{full}...{upstream}")
    ahead, behind = (int(count) for count in counts.split())
    return Standing(branch, upstream.removeprefix("refs/remotes/").removeprefix("refs/heads/"), ahead, behind)


def is_on_branch(repository: Repository, commit: str, branch: str) -> bool | None:
    """Whether the branch, here or as last fetched from any remote, holds the commit; None when there is no such branch."""
    listed = repository.git.word("for-each-ref", "--format=%(refname)", f"refs/heads/{branch}", "refs/remotes").split("\n")
    own = [full for full in listed if full == f"refs/heads/{branch}" or full.partition("refs/remotes/")[2].partition("/")[2] == branch]
    if not own:
        return None
    return any(repository.git.run("merge-base", "--is-ancestor", commit, full, answers=(0, 1))[0] == 0 for full in own)


def _commit(repository: Repository, full: str) -> bool:
    return repository.git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{full}^{{commit}}", answers=(0, 1, 128))[0] == 0
