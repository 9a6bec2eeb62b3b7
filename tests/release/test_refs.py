"""What a person may call a commit, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipway.model.errors import Refused, WrongInput
from shipway.release.git import Git, Named
from shipway.release.refs import resolve_ref, version_of
from tests.release.repositories import Checkout


def refusal(checkout: Checkout, ref: str) -> WrongInput:
    with pytest.raises(WrongInput) as raised:
        resolve_ref(checkout.repository, ref)
    assert raised.value.exit_code == 2
    assert raised.value.code == "ref"
    assert raised.value.hint
    return raised.value


def test_the_facts_of_a_commit(checkout: Checkout) -> None:
    checkout.write("a")
    checkout.git("add", "a")
    checkout.git("commit", "--quiet", "--message", "Subject of\ntwo lines\n\nBody")
    source = resolve_ref(checkout.repository, "main")
    assert source.commit == checkout.git("rev-parse", "HEAD")
    assert source.tree == checkout.git("rev-parse", "HEAD^{tree}")
    assert (source.ref, source.subject, source.author) == ("main", "Subject of two lines", "Ann Author")
    assert source.at == "2026-01-02T02:04:05+00:00"


def test_a_commit_in_another_encoding_with_control_characters_is_shown_safely(checkout: Checkout) -> None:
    checkout.commit(a="1")
    tree = checkout.git("rev-parse", "HEAD^{tree}")
    raw = (
        f"tree {tree}\nauthor J\udcfcrgen <j@x> 99999999999999 +0000\ncommitter x <x> 99999999999 +0000\nencoding latin-1\n\nred \x1b[31m\n"
    )
    oid = checkout.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", sent=raw.encode("utf-8", "surrogateescape"))
    source = resolve_ref(checkout.repository, oid)
    assert source.author == "Jürgen"
    assert source.subject == "red \ufffd[31m"
    assert source.at.startswith("5138-")


def test_every_usual_name_of_a_commit(checkout: Checkout) -> None:
    first = checkout.commit(a="1")
    second = checkout.commit(a="2")
    checkout.git("tag", "v1", first)
    checkout.git("tag", "--annotate", "v2", "--message", "annotated", second)
    checkout.git("branch", "feature/one#2", first)
    checkout.git("update-ref", "refs/remotes/origin/far", first)
    named = {
        "HEAD": second, "main": second, "refs/heads/main": second, "heads/main": second, "HEAD~1": first, "HEAD^": first, "main~": first,
        "v1": first, "v2": second, "v2^0": second, "tags/v1": first, "feature/one#2": first, "origin/far": first,
        first: first, first[:7]: first, f"{second}~1": first, "@": second,
    }  # fmt: skip
    assert {name: resolve_ref(checkout.repository, name).commit for name in named} == named


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ("--upload-pack=touch x", "starts with a dash, as an option does"),
        ("-c core.sshCommand=x", "starts with a dash, as an option does"),
        ("--help", "starts with a dash, as an option does"),
        ("main..feature", "names a range, and one commit is shipped"),
        ("main...feature", "names a range, and one commit is shipped"),
        ("@{u}", "depends on what this checkout did before, and another would ship another commit"),
        ("main@{yesterday}", "depends on what this checkout did before, and another would ship another commit"),
        ("@{-1}", "depends on what this checkout did before, and another would ship another commit"),
        ("", "is not the name of a branch, a tag or a commit"),
        ("refs/heads/x y", "is not the name of a branch, a tag or a commit"),
        ("main:a", "is not the name of a branch, a tag or a commit"),
        (":/subject", "is not the name of a branch, a tag or a commit"),
        ("main^{tree}", "is not the name of a branch, a tag or a commit"),
        ("main^{/x}", "is not the name of a branch, a tag or a commit"),
        ("^main", "is not the name of a branch, a tag or a commit"),
        ("main\n", "is not the name of a branch, a tag or a commit"),
        ("ma\0in", "is not the name of a branch, a tag or a commit"),
        ("*", "is not the name of a branch, a tag or a commit"),
        ("/main", "is not the name of a branch, a tag or a commit"),
        ("x" * 300, "is not the name of a branch, a tag or a commit"),
        ("ext::sh -c x", "is not the name of a branch, a tag or a commit"),
        ("main~9999999999", "is not the name of a branch, a tag or a commit"),
        ("HEAD~1000000", "names no commit in this repository"),
        ("nothing", "names no commit in this repository"),
        ("a" * 41, "names no commit in this repository"),
        ("0" * 40, "names no commit in this repository"),
        ("f" * 39, "names no commit in this repository"),
    ],
)
def test_what_is_refused(checkout: Checkout, ref: str, why: str) -> None:
    checkout.commit(a="1")
    checkout.git("branch", "feature")
    error = refusal(checkout, ref)
    assert error.message == f"--ref {ref[:80]!a} {why}"
    assert not (checkout.path / "x").exists()


def test_the_id_of_what_is_no_commit_is_refused(checkout: Checkout) -> None:
    checkout.commit(a="1")
    assert "names no commit" in refusal(checkout, checkout.git("rev-parse", "HEAD:a")).message
    assert "names no commit" in refusal(checkout, checkout.git("rev-parse", "HEAD^{tree}")).message


def test_the_nearest_name_is_told(checkout: Checkout) -> None:
    checkout.commit(a="1")
    checkout.git("branch", "feature")
    checkout.git("update-ref", "refs/remotes/origin/topic", "HEAD")
    assert refusal(checkout, "featrue").hint == "Did you mean feature?"
    assert refusal(checkout, "topic").hint == "Did you mean origin/topic?"
    assert refusal(checkout, "zzz").hint.startswith("Type `git fetch`")


def test_a_repository_without_a_commit(checkout: Checkout) -> None:
    error = refusal(checkout, "HEAD")
    assert error.message == "--ref 'HEAD' names nothing: there is no commit yet"


def test_a_tag_and_a_branch_of_one_name_are_told_apart_or_refused(checkout: Checkout) -> None:
    first = checkout.commit(a="1")
    checkout.git("tag", "twin", first)
    checkout.git("branch", "twin", first)
    assert resolve_ref(checkout.repository, "twin").commit == first
    second = checkout.commit(a="2")
    checkout.git("branch", "--force", "twin", second)
    error = refusal(checkout, "twin")
    assert error.message == f"--ref 'twin' names more than one commit: refs/tags/twin ({first[:12]}) and refs/heads/twin ({second[:12]})"
    assert error.hint == "Write one of them in full: --ref refs/tags/twin"
    assert resolve_ref(checkout.repository, "refs/heads/twin").commit == second


def test_one_process_of_git_answers_for_a_name_and_what_is_read_of_its_commit_is_not_asked_for_again(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commit = checkout.commit(a="1", b="2")
    checkout.git("tag", "twin")
    checkout.git("branch", "twin")
    repository = checkout.repository
    git, log = shutil.which("git"), tmp_path / "log"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").write_text(f'#!/bin/sh\necho "$*" >>{log}\nexec {git} "$@"\n')
    (tmp_path / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    for name in ("HEAD", "twin", commit):
        log.write_text("")
        source = resolve_ref(repository, name)
        assert repository.find(commit, ".") == ("040000", source.tree)
        assert [name for _, _, name in repository.entries(source.tree)] == [b"a", b"b"]
        assert len(log.read_text().splitlines()) == 1
    log.write_text("")
    assert [repository.read_file(commit, "a") for _ in range(2)] == [b"1", b"1"]
    assert len(log.read_text().splitlines()) == 1
    log.write_text("")
    assert resolve_ref(repository, "HEAD", beside="b").commit == commit
    assert repository.read_file(commit, "b") == b"2"
    assert len(log.read_text().splitlines()) == 1
    log.write_text("")
    assert list(repository.git.blobs([])) == []
    assert log.read_text() == ""


@pytest.mark.parametrize("path", ["a", "with space/a", "folder/a", "not/there", "folder"])
def test_the_file_that_comes_along_is_the_one_that_is_read(checkout: Checkout, path: str) -> None:
    checkout.commit(**{"a": "1", "with space/a": "2", "folder/a": "3"})
    along, asked = checkout.repository, checkout.repository
    commit = resolve_ref(along, "HEAD", beside=path).commit
    if path in ("not/there", "folder"):
        with pytest.raises(Refused):
            along.read_file(commit, path)
    else:
        assert along.read_file(commit, path) == asked.read_file(commit, path)


def test_a_file_that_comes_along_when_its_ref_has_moved_is_not_taken_for_that_of_the_commit(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = checkout.commit(a="1")
    moves(monkeypatch, lambda: checkout.commit(a="2"))
    repository = checkout.repository
    assert resolve_ref(repository, "HEAD", beside="a").commit == commit
    assert repository.read_file(commit, "a") == b"1"


def moves(monkeypatch: pytest.MonkeyPatch, commit: Callable[[], object]) -> None:
    """Before git answers the last question, the ref is another."""
    real = Git.named

    def moved(git: Git, *names: str) -> list[Named | None]:
        first = real(git, *names)
        commit()
        return [*first[:-1], *real(git, names[-1])]

    monkeypatch.setattr(Git, "named", moved)


def test_a_ref_that_moves_between_two_answers_gives_no_commit_the_tree_of_another(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = checkout.commit(a="1")
    moves(monkeypatch, lambda: checkout.commit(b="2"))
    repository = checkout.repository
    source = resolve_ref(repository, "HEAD")
    assert source.commit == commit
    assert [name for _, _, name in repository.entries(source.tree)] == [b"a"]


def test_twins_are_refused_though_git_gives_up_at_one_of_them(checkout: Checkout) -> None:
    checkout.commit(a="1")
    checkout.git("tag", "twin")
    checkout.git("update-ref", "refs/remotes/twin", checkout.commit(a="2"))
    lost = checkout.commit(a="3")
    checkout.git("branch", "twin")
    checkout.damage(lost, 20)
    message = refusal(checkout, "twin").message
    assert "refs/tags/twin" in message and "refs/remotes/twin" in message and "refs/heads" not in message


def test_a_damaged_tree_is_no_matter_for_a_name_and_is_refused_when_it_is_read(checkout: Checkout) -> None:
    commit = checkout.commit(a="1" * 100)
    tree = checkout.git("rev-parse", "HEAD^{tree}")
    checkout.damage(tree, 10)
    assert resolve_ref(checkout.repository, "main").tree == tree
    checkout.git("update-ref", "refs/remotes/main", checkout.git("commit-tree", checkout.git("mktree"), "-m", "another"))
    assert "names more than one commit" in refusal(checkout, "main").message
    with pytest.raises(Refused) as raised:
        checkout.repository.read_file(commit, "a")
    assert raised.value.code == "git"


@pytest.mark.parametrize("length", [40, 8])
def test_a_branch_that_is_called_like_another_commit_is_refused(checkout: Checkout, length: int) -> None:
    first = checkout.commit(a="1")
    second = checkout.commit(a="2")
    checkout.git("update-ref", f"refs/heads/{first[:length]}", second)
    assert "names more than one commit" in refusal(checkout, first[:length]).message


def test_a_ref_that_moves_afterwards_changes_nothing(checkout: Checkout) -> None:
    first = checkout.commit(a="1")
    source = resolve_ref(checkout.repository, "main")
    checkout.commit(a="2")
    made = checkout.release()
    earlier = checkout.release(source.commit)
    assert source.commit == first
    assert earlier.release.source.commit == first
    assert earlier.release.digest != made.release.digest


def test_a_replaced_object_is_not_shipped_in_place_of_the_commit(checkout: Checkout) -> None:
    """`git replace` would give one id two contents."""
    first = checkout.commit(a="1")
    second = checkout.commit(a="2")
    digest = checkout.release(first).release.digest
    checkout.git("replace", first, second)
    assert checkout.git("show", f"{first}:a") == "2"
    assert checkout.release(first).release.digest == digest


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One repository for all examples of a property."""
    checkout = Checkout.new(tmp_path_factory.mktemp("shared").resolve() / "checkout")
    checkout.commit(a="1")
    return checkout


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ref=st.one_of(st.text(max_size=20), st.text(st.sampled_from("main@{}~^:.-/\\ *?[0aHED"), max_size=12)))
def test_any_text_is_a_commit_or_is_refused(shared: Checkout, ref: str) -> None:
    try:
        assert len(resolve_ref(shared.repository, ref).commit) == 40
    except WrongInput as error:
        assert error.message.isascii() and error.message.isprintable()


def test_a_version_is_the_nearest_tag_or_the_start_of_the_id(checkout: Checkout) -> None:
    first = checkout.commit(a="1")
    assert version_of(checkout.repository, first) == first[:10]
    checkout.git("tag", "v1.2", first)
    second = checkout.commit(a="2")
    assert version_of(checkout.repository, first) == "v1.2"
    assert version_of(checkout.repository, second) == f"v1.2-1-g{second[:10]}"
    checkout.git("tag", "$(id)", second)
    assert version_of(checkout.repository, second) == second[:10]


def test_a_shallow_clone_is_enough(checkout: Checkout, tmp_path: Path) -> None:
    checkout.commit(a="1")
    checkout.commit(a="2")
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{checkout.path}", tmp_path / "shallow"], check=True)
    shallow = Checkout(tmp_path.resolve() / "shallow")
    assert shallow.release().release.digest == checkout.release().release.digest
    assert "names no commit" in refusal(shallow, "HEAD~1").message
