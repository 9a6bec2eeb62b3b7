"""What an environment requires is checked whole, and refused with everything that is unmet."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from shipway.model.errors import Refused
from shipway.model.intent import Requires
from shipway.release.checks import check_requires
from tests.release.repositories import Checkout, snapshot


def check(checkout: Checkout, requires: Requires, *, ref: str = "HEAD", subdirectory: str = ".", chosen: bool = False) -> list[str]:
    """The lines that were heard."""
    before = snapshot(checkout.path)
    heard: list[str] = []
    try:
        check_requires(
            checkout.repository,
            checkout.source(ref),
            requires,
            heard.append,
            subdirectory=subdirectory,
            paths=("shipway.toml",),
            chosen=chosen,
        )
    finally:
        assert snapshot(checkout.path) == before
    return heard


def refusal(checkout: Checkout, requires: Requires, *, ref: str = "HEAD", subdirectory: str = ".") -> Refused:
    with pytest.raises(Refused) as raised:
        check(checkout, requires, ref=ref, subdirectory=subdirectory)
    assert raised.value.code == "requires"
    assert raised.value.exit_code == 3
    assert raised.value.state == "nothing was touched"
    assert raised.value.hint
    return raised.value


def test_everything_met(checkout: Checkout) -> None:
    checkout.commit(a="1")
    lines = check(checkout, Requires(True, "main", ("test -e a", ("echo", "well"))))
    assert lines == ["$ test -e a", "$ echo well", "well"]


def test_everything_unmet_is_listed_at_once(checkout: Checkout) -> None:
    checkout.commit(a="1")
    checkout.git("checkout", "--quiet", "-b", "feature")
    commit = checkout.commit(a="2")
    checkout.write("a", "3")
    checkout.write("new\x1b")
    error = refusal(checkout, Requires(True, "main", ("echo one; echo two; exit 4", "true", "kill -9 $$")))
    assert error.message == f"commit {commit[:12]} does not meet what is required of it"
    assert error.details == (
        "clean: a is modified",
        "clean: new\\x1b is untracked",
        "branch: the commit is not on main (HEAD is on feature)",
        "checks: `echo one; echo two; exit 4` ended with 4",
        "  one",
        "  two",
        "checks: `kill -9 $$` ended with -9",
    )
    assert error.hint == (
        "Commit the changes, or name the commit with --ref (then they do not count). "
        "Merge it into main first, or name a commit of main with --ref. Correct what the checks say and commit."
    )


def test_a_commit_that_was_named_needs_no_clean_checkout(checkout: Checkout) -> None:
    checkout.commit(a="1")
    checkout.write("a", "2")
    check(checkout, Requires(True), chosen=True)
    check(checkout, Requires(False))
    assert refusal(checkout, Requires(True)).details == ("clean: a is modified",)


def test_only_what_is_shipped_and_the_file_that_says_how_must_be_clean(checkout: Checkout) -> None:
    checkout.commit(**{"server/a": "1", "client/a": "1"})
    checkout.write("client/a", "2")
    check(checkout, Requires(True), subdirectory="server")
    checkout.write("shipway.toml", "2")
    checkout.write("server/b", "2")
    error = refusal(checkout, Requires(True), subdirectory="server")
    assert error.details == ("clean: server/b is untracked", "clean: shipway.toml is untracked")


def test_many_uncommitted_files_are_counted(checkout: Checkout) -> None:
    checkout.commit(a="1")
    for number in range(100):
        checkout.write(f"new-{number:03}")
    error = refusal(checkout, Requires(True))
    assert len(error.details) == 21
    assert error.details[-1] == "clean: and 80 more"


def test_a_branch_that_nobody_knows(checkout: Checkout) -> None:
    checkout.commit(a="1")
    error = refusal(checkout, Requires(True, "release"))
    assert error.details == ("branch: there is no branch release in this repository",)
    assert error.hint == "Type `git fetch`, so that release is known here."


def test_an_earlier_commit_of_the_branch_is_on_it(checkout: Checkout) -> None:
    checkout.commit(a="1")
    checkout.commit(a="2")
    check(checkout, Requires(True, "main"), ref="HEAD~1")


def test_checks_see_the_commit_alone_and_the_operators_environment(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.write(".gitignore", "ignored\n")
    commit = checkout.commit(**{"server/a": "1", "client/b": "1"})
    checkout.commit(**{"server/a": "2"})
    checkout.write("server/ignored")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///x")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    shows = "ls; cat a; echo; echo $DATABASE_URL $LC_ALL; git rev-parse HEAD"
    error = refusal(checkout, Requires(checks=(shows,)), ref=commit, subdirectory="server")
    assert error.details[1:4] == ("  a", "  1", "  sqlite:///x de_DE.UTF-8")
    assert "not a git repository" in error.details[4]


def test_the_clean_checkout_is_gone_afterwards(checkout: Checkout, home: Path) -> None:
    checkout.commit(a="1")
    check(checkout, Requires(checks=("touch made",)))
    assert os.listdir(home / ".cache/shipway/checks") == []


def test_somebody_may_stop_them(checkout: Checkout) -> None:
    checkout.commit(a="1")
    stop = threading.Event()

    def heard(line: str) -> None:
        if line == "begun":
            stop.set()

    with pytest.raises(Refused) as raised:
        check_requires(checkout.repository, checkout.source(), Requires(checks=("echo begun; sleep 300",)), heard, stop=stop)
    assert raised.value.details[0] == "checks: `echo begun; sleep 300` was stopped"
