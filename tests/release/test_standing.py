"""Where a checkout and a commit stand among the branches."""

from __future__ import annotations

import pytest

from shipway.release.standing import Standing, is_on_branch, standing
from tests.release.repositories import Checkout


@pytest.fixture
def tracked(checkout: Checkout) -> Checkout:
    """main follows origin/main, which was fetched once."""
    checkout.commit(a="1")
    checkout.git("update-ref", "refs/remotes/origin/main", "HEAD")
    checkout.git("config", "remote.origin.url", "/nowhere")
    checkout.git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    checkout.git("config", "branch.main.remote", "origin")
    checkout.git("config", "branch.main.merge", "refs/heads/main")
    return checkout


def test_level(tracked: Checkout) -> None:
    assert standing(tracked.repository) == Standing("main", "origin/main")
    assert standing(tracked.repository).sentence == ""


def test_ahead(tracked: Checkout) -> None:
    tracked.commit(a="2")
    assert standing(tracked.repository).sentence == "main is 1 ahead of origin/main"


def test_behind(tracked: Checkout) -> None:
    tracked.commit(a="2")
    tracked.git("update-ref", "refs/remotes/origin/main", "HEAD")
    tracked.git("reset", "--quiet", "--hard", "HEAD~1")
    assert standing(tracked.repository).sentence == "main is 1 behind origin/main"


def test_diverged(tracked: Checkout) -> None:
    tracked.commit(a="2")
    tracked.git("update-ref", "refs/remotes/origin/main", "HEAD")
    tracked.git("reset", "--quiet", "--hard", "HEAD~1")
    tracked.commit(a="3")
    tracked.commit(a="4")
    assert standing(tracked.repository) == Standing("main", "origin/main", 2, 1)
    assert standing(tracked.repository).sentence == "main is 2 ahead of and 1 behind origin/main, so the two have diverged"


def test_a_detached_head_a_branch_that_follows_none_and_no_commit(checkout: Checkout) -> None:
    assert standing(checkout.repository) == Standing("main")
    checkout.commit(a="1")
    assert standing(checkout.repository) == Standing("main")
    checkout.git("checkout", "--quiet", "--detach")
    assert standing(checkout.repository) == Standing("")


def test_a_commit_is_on_a_branch_here_or_as_last_fetched(tracked: Checkout) -> None:
    first = tracked.git("rev-parse", "HEAD")
    tracked.git("checkout", "--quiet", "-b", "feature/x")
    second = tracked.commit(a="2")
    repository = tracked.repository
    assert is_on_branch(repository, first, "main") is True
    assert is_on_branch(repository, second, "main") is False
    assert is_on_branch(repository, second, "feature/x") is True
    assert is_on_branch(repository, second, "x") is None
    tracked.git("update-ref", "refs/remotes/origin/main", second)
    assert is_on_branch(repository, second, "main") is True
    tracked.git("branch", "--quiet", "-D", "main")
    assert is_on_branch(repository, second, "main") is True
