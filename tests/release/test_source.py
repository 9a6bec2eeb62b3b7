"""Which repositories are read, and which are refused."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from shipway.model.errors import Refused
from shipway.release.refs import resolve_ref
from shipway.release.source import Repository
from tests.release.repositories import Checkout


def test_a_file_at_a_commit_is_read_exactly(checkout: Checkout) -> None:
    checkout.write("deep/er/shipway.toml", b"one\r\n\xff\0")
    first = checkout.commit()
    checkout.commit(**{"deep/er/shipway.toml": "two"})
    checkout.write("deep/er/shipway.toml", "three")
    assert checkout.repository.read_file(first, "deep/er/shipway.toml") == b"one\r\n\xff\0"


def test_a_tree_that_was_read_along_with_its_commit_lists_what_git_lists(checkout: Checkout) -> None:
    oid, tree = checkout.blob(b"1"), checkout.git("mktree")
    today = [
        ("040000", "tree", tree, b"d\n"),
        ("100644", "blob", oid, b"f "),
        ("100755", "blob", oid, b"x\xff"),
        ("120000", "blob", oid, b"y"),
    ]
    for records in ([*today, ("160000", "commit", "5" * 40, b"z")], [("100664", "blob", oid, b"old"), *today[1:]], []):
        commit = checkout.tree_of(*records)
        resolved, asked = checkout.repository, checkout.repository
        root = resolve_ref(resolved, commit).tree
        assert resolved.entries(root) == asked.entries(root)
        assert len(resolved.entries(root)) == len(records)


def test_attributes_do_not_change_what_is_read(checkout: Checkout) -> None:
    checkout.write(".gitattributes", "* ident eol=crlf export-subst\nsecret export-ignore\n")
    checkout.write("a", "$Id$ $Format:%H$\n")
    checkout.write("secret", "s")
    commit = checkout.commit()
    assert checkout.repository.read_file(commit, "a") == b"$Id$ $Format:%H$\n"
    assert [entry.path for entry in checkout.release().release.entries] == [".gitattributes", "a", "secret"]


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("shipway.toml", "shipway.toml is not in commit", "It is there, but not committed: type `git add shipway.toml` and commit."),
        ("other.toml", "other.toml is not in commit", "Write other.toml and commit it."),
        ("link.toml", "link.toml is not a plain file in commit", "Put a plain file in the place of link.toml and commit it."),
        ("directory", "directory is not a plain file in commit", "Put a plain file in the place of directory and commit it."),
        ("a/b", "a/b is not in commit", "Write a/b and commit it."),
    ],
)
def test_a_file_that_is_not_there_is_refused_with_the_next_command(checkout: Checkout, path: str, message: str, hint: str) -> None:
    checkout.link("link.toml", "a")
    commit = checkout.commit(**{"a": "1", "directory/x": "1"})
    checkout.write("shipway.toml")
    with pytest.raises(Refused) as raised:
        checkout.repository.read_file(commit, path)
    assert raised.value.message == f"{message} {commit[:12]}"
    assert raised.value.hint == hint


def test_a_bare_repository_and_a_worktree_give_the_same_release(checkout: Checkout, tmp_path: Path) -> None:
    checkout.commit(a="1")
    checkout.git("branch", "other")
    checkout.git("worktree", "add", "--quiet", str(tmp_path / "worktree"), "other")
    subprocess.run(["git", "clone", "--quiet", "--bare", checkout.path, tmp_path / "bare.git"], check=True)
    subprocess.run(["git", "clone", "--quiet", "--mirror", checkout.path, tmp_path / "mirror"], check=True)
    digests = {Checkout(path).release("main").release.digest for path in (checkout.path, tmp_path / "worktree", tmp_path / "bare.git")}
    assert digests == {Checkout(tmp_path / "mirror").release("main").release.digest}
    assert Repository.open(tmp_path / "bare.git").bare
    assert Repository.open(tmp_path / "worktree").common == checkout.path / ".git"


def test_a_directory_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as raised:
        Repository.open(tmp_path)
    assert raised.value.code == "no-repository"


def test_a_repository_that_says_its_checkout_is_elsewhere_is_refused(checkout: Checkout, tmp_path: Path) -> None:
    checkout.git("config", "core.worktree", str(tmp_path))
    with pytest.raises(Refused) as raised:
        Repository.open(checkout.path)
    assert raised.value.code == "repository"
    assert "core.worktree" in raised.value.message


def test_a_repository_that_git_cannot_read_is_refused_with_what_git_said(checkout: Checkout) -> None:
    (checkout.path / ".git/config").write_text("[broken")
    with pytest.raises(Refused) as raised:
        Repository.open(checkout.path)
    assert raised.value.code == "repository"
    assert any("bad config" in line for line in raised.value.details)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("bare", [False, True])
def test_a_repository_of_another_user_is_refused_with_the_way_to_trust_it(checkout: Checkout, tmp_path: Path, bare: bool) -> None:
    checkout.commit(a="1")
    path = checkout.path
    if bare:
        path = tmp_path.resolve() / "bare.git"
        subprocess.run(["git", "clone", "--quiet", "--bare", checkout.path, path], check=True)
    for place in (path, path / ".git"):
        if place.exists():
            os.chown(place, 12345, 12345)
    with pytest.raises(Refused) as raised:
        Repository.open(path)
    assert raised.value.code == "foreign-repository"
    assert raised.value.hint.endswith(f"git config --global --add safe.directory {path}")


def test_a_machine_without_git_is_told(checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused) as raised:
        Repository.open(checkout.path)
    assert raised.value.code == "no-git"


@pytest.mark.parametrize(
    "name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_CEILING_DIRECTORIES"]
)
def test_the_callers_git_variables_steer_nothing(checkout: Checkout, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A hook that calls Shipway has these set, to another repository perhaps."""
    commit = checkout.commit(a="1")
    monkeypatch.setenv(name, "/nowhere")
    assert checkout.repository.read_file(commit, "a") == b"1"


@pytest.mark.parametrize(
    ("key", "value"),
    [("url", "ext::sh -c touch% {trap}"), ("uploadpack", "touch {trap};"), ("vcs", "x'`touch {trap}`"), ("proxy", "{trap}")],
)
def test_an_object_that_is_lost_is_refused_and_not_fetched(checkout: Checkout, tmp_path: Path, key: str, value: str) -> None:
    """A partial clone would ask its remote, and how a remote is reached may be a command."""
    commit = checkout.commit(a="1")
    oid = checkout.git("rev-parse", "HEAD:a")
    trap = tmp_path / "fetched"
    checkout.git("config", "extensions.partialClone", "origin")
    checkout.git("config", "remote.origin.promisor", "true")
    checkout.git("config", "remote.origin.url", str(checkout.path))
    checkout.git("config", f"remote.origin.{key}", value.format(trap=trap))
    (checkout.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(Refused) as raised:
        checkout.release(commit)
    assert raised.value.code == "git"
    assert "git fetch" in raised.value.hint
    assert oid in "".join(raised.value.details)
    assert not trap.exists()


def test_an_object_that_is_damaged_is_refused(checkout: Checkout) -> None:
    commit = checkout.commit(a="1" * 10_000)
    oid = checkout.git("rev-parse", "HEAD:a")
    checkout.damage(oid, 30)
    with pytest.raises(Refused) as raised:
        checkout.release(commit)
    assert raised.value.code == "git"
    assert raised.value.details
