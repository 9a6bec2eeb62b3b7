"""Whether one commit contains another, also where a clone does not know all of the history."""

from __future__ import annotations

import subprocess
from pathlib import Path

from shipway.release.ancestry import contains
from shipway.release.source import Repository
from tests.release.repositories import Checkout


def committed(checkout: Checkout, path: str) -> str:
    checkout.write(path)
    checkout.git("add", path)
    checkout.git("commit", "--quiet", "--message", path)
    return checkout.git("rev-parse", "HEAD").strip()


def test_a_commit_contains_itself_and_its_ancestors_and_nobody_else(checkout: Checkout) -> None:
    first = committed(checkout, "a")
    second = committed(checkout, "b")
    checkout.git("checkout", "--quiet", first)
    other = committed(checkout, "c")
    assert contains(checkout.repository, second, second)
    assert contains(checkout.repository, second, first)
    assert not contains(checkout.repository, first, second)
    assert not contains(checkout.repository, other, second)
    assert not contains(checkout.repository, second, "0" * 40), "nobody has ever seen it here"


def test_in_a_shallow_clone_what_is_not_known_may_be_in_it(checkout: Checkout, tmp_path: Path) -> None:
    first = committed(checkout, "a")
    second = committed(checkout, "b")
    clone = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{checkout.repository.directory}", clone], check=True)
    assert contains(Repository.open(clone), second, first)
