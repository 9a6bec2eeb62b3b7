"""What a commit holds arrives exactly, or is refused by name."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipway.model.errors import Refused
from shipway.model.release import Entry
from shipway.release.tree import Faults, Tree, check_names, read_tree, shown
from shipway_agent import manifest
from tests.release.repositories import Checkout


def tree(checkout: Checkout, subdirectory: str = ".", ref: str = "HEAD") -> Tree:
    return read_tree(checkout.repository, checkout.git("rev-parse", ref), subdirectory)


def refusal(checkout: Checkout, ref: str = "HEAD", subdirectory: str = ".") -> Refused:
    with pytest.raises(Refused) as raised:
        tree(checkout, subdirectory, ref)
    assert raised.value.exit_code == 3
    assert raised.value.hint
    return raised.value


def entry(path: bytes, kind: str, content: bytes = b"") -> Entry:
    kind_ = {"file": "file", "executable": "executable", "link": "link"}[kind]
    if kind_ == "link":
        return Entry(os.fsdecode(path), "link", target=os.fsdecode(content))
    return Entry(os.fsdecode(path), "executable" if kind_ == "executable" else "file", manifest.digest(content), len(content))


def test_names_kinds_and_contents_arrive_exactly(checkout: Checkout) -> None:
    checkout.write("with space and 'quotes\" and \\ $(id)", b"1")
    checkout.write(b"new\nline\tand tab", b"2")
    checkout.write(b"not utf-8 \xff\xfe", b"\0\xff\r\n")
    checkout.write("é", b"composed")
    checkout.write("e\u0301", b"decomposed")
    checkout.write("-dash", b"")
    checkout.write("run", b"#!/bin/sh\n", executable=True)
    checkout.write("deep/er/file", b"3")
    checkout.link("link", "deep/er/../er/file")
    checkout.link("deep/dangling", "nothing here")
    checkout.write("A", b"A")
    checkout.write("a", b"a")
    checkout.commit()
    assert set(tree(checkout).entries) == {
        entry(b"with space and 'quotes\" and \\ $(id)", "file", b"1"),
        entry(b"new\nline\tand tab", "file", b"2"),
        entry(b"not utf-8 \xff\xfe", "file", b"\0\xff\r\n"),
        entry("é".encode(), "file", b"composed"),
        entry("e\u0301".encode(), "file", b"decomposed"),
        entry(b"-dash", "file", b""),
        entry(b"run", "executable", b"#!/bin/sh\n"),
        entry(b"deep/er/file", "file", b"3"),
        entry(b"link", "link", b"deep/er/../er/file"),
        entry(b"deep/dangling", "link", b"nothing here"),
        entry(b"A", "file", b"A"),
        entry(b"a", "file", b"a"),
    }


names = st.binary(min_size=1, max_size=12).filter(
    lambda name: not set(name) & set(b"/\0") and name not in (b".", b"..") and name.lower() != b".git"
)
files = st.dictionaries(names, st.tuples(st.binary(max_size=50), st.booleans()), min_size=1, max_size=5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=files)
def test_any_names_and_bytes_arrive_exactly(tmp_path_factory: pytest.TempPathFactory, files: dict[bytes, tuple[bytes, bool]]) -> None:
    checkout = Checkout.new(tmp_path_factory.mktemp("any").resolve() / "checkout")
    for name, (content, executable) in files.items():
        checkout.write(b"x/" + name, content, executable=executable)
    checkout.git("add", "--all", "--force", "x")
    checkout.git("commit", "--quiet", "--message", "x")
    made = checkout.release()
    expected = {entry(b"x/" + name, "executable" if executable else "file", content) for name, (content, executable) in files.items()}
    assert set(made.release.entries) == expected
    digests = [one.digest for one in made.release.entries]
    assert list(made.blobs.read(digests)) == [files[os.fsencode(one.path)[2:]][0] for one in made.release.entries]


def test_the_working_tree_and_the_index_are_not_read(checkout: Checkout) -> None:
    checkout.commit(a="committed")
    checkout.write("a", "changed")
    checkout.write("b", "staged")
    checkout.git("add", "b")
    checkout.write("c", "untracked")
    assert tree(checkout).entries == (entry(b"a", "file", b"committed"),)


def test_a_subdirectory_is_shipped_alone(checkout: Checkout) -> None:
    checkout.commit(**{"server/app.py": "1", "server/a/b": "2", "client/x": "3", "server-old/y": "4"})
    assert {one.path for one in tree(checkout, "server").entries} == {"app.py", "a/b"}
    assert {one.path for one in tree(checkout, "server/a").entries} == {"b"}


@pytest.mark.parametrize(
    ("path", "why"), [("nothing", "is not there"), ("server/app.py", "is not a directory"), ("server/app.py/x", "is not there")]
)
def test_a_subdirectory_that_is_none_is_refused(checkout: Checkout, path: str, why: str) -> None:
    commit = checkout.commit(**{"server/app.py": "1"})
    assert refusal(checkout, subdirectory=path).message == f"{path} {why} in commit {commit[:12]}"


def test_an_empty_commit_is_refused(checkout: Checkout) -> None:
    checkout.commit()
    assert refusal(checkout).code == "empty"


# ------------------------------------------------------------------ hostile trees


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (b"..", "is not a plain path below the tree"),
        (b".", "is not a plain path below the tree"),
        (b".git", "is named .git, and git would take it for a repository"),
        (b".GiT", "is named .git, and git would take it for a repository"),
        (b"../../etc/passwd", "is not a plain path below the tree"),
        (b"/etc/passwd", "is not a plain path below the tree"),
        (b"x" * 256, "is longer than a host can have it"),
        ("é".encode() * 128, "is longer than a host can have it"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(checkout: Checkout, name: bytes, why: str) -> None:
    commit = checkout.tree_of(("100644", "blob", checkout.blob(b"x"), name))
    error = refusal(checkout, commit)
    assert error.code == "tree"
    assert error.details == (f"{os.fsdecode(name)}: {why}",)


def test_the_same_names_inside_a_directory_are_refused(checkout: Checkout) -> None:
    inner = checkout.git("rev-parse", checkout.tree_of(("100644", "blob", checkout.blob(b"x"), b"..")) + "^{tree}")
    commit = checkout.tree_of(("40000", "tree", inner, b"directory"))
    assert refusal(checkout, commit).details == ("directory/..: is not a plain path below the tree",)


def test_one_name_twice_is_refused(checkout: Checkout) -> None:
    """A link and a file of one name: written in order, the file would go through the link."""
    link, file = checkout.blob(b"/etc"), checkout.blob(b"x")
    commit = checkout.tree_of(("120000", "blob", link, b"a"), ("100644", "blob", file, b"a"))
    assert refusal(checkout, commit).details == ("a: is there twice",)


def test_a_path_below_a_link_is_refused(checkout: Checkout) -> None:
    inner = checkout.git("rev-parse", checkout.tree_of(("100644", "blob", checkout.blob(b"x"), b"passwd")) + "^{tree}")
    commit = checkout.tree_of(("120000", "blob", checkout.blob(b"/etc"), b"a"), ("40000", "tree", inner, b"a"))
    assert refusal(checkout, commit).details == ("a/passwd: lies below a, which is a file",)


PARTS = st.sampled_from(["a", "b", "", ".", "..", ".git", ".GIT", ".gitignore", "..a", "a.", ".git\n", "...", "ü" * 128])


@given(st.lists(st.lists(PARTS, min_size=1, max_size=4).map("/".join), max_size=6))
def test_a_name_is_refused_for_any_part_of_it_and_for_a_file_above_it(paths: list[str]) -> None:
    faults = Faults()
    check_names(paths, faults)
    expected = set()
    for number, path in enumerate(paths):
        parts = path.split("/")
        above = {"/".join(parts[:depth]) for depth in range(1, len(parts))} - {""}
        lies_below = bool(above & set(paths))
        odd = any(part.lower() == ".git" or part in ("", ".", "..") or len(part.encode()) > 255 for part in parts)
        if odd or lies_below or path in paths[:number]:
            expected.add(shown(path))
    assert {line.partition(": ")[0] for _, line in faults.found} == expected


def test_everything_that_cannot_be_shipped_is_named_at_once(checkout: Checkout) -> None:
    pointer = checkout.blob(_pointer(b"gone"))
    module = "1" * 40
    commit = checkout.tree_of(
        ("160000", "commit", module, b"module"), ("100644", "blob", pointer, b"picture"), ("100644", "blob", pointer, b"x\x1b")
    )
    assert refusal(checkout, commit).details == (f"module: is a submodule, and its commit {module[:12]} is not on this machine",)
    commit = checkout.tree_of(("100644", "blob", pointer, b"picture"), ("100644", "blob", pointer, b"x\x1b"))
    error = refusal(checkout, commit)
    assert [line.partition(":")[0] for line in error.details] == ["picture", "x\\x1b"]
    assert error.message == f"2 paths of commit {commit[:12]} cannot be shipped"


# -------------------------------------------------------------------- submodules


@pytest.fixture
def outer(checkout: Checkout, tmp_path: Path) -> Checkout:
    """A checkout with a submodule in `vendor/lib`, that has one in `deep`."""
    deepest = Checkout.new(tmp_path.resolve() / "deepest")
    deepest.commit(d="deepest")
    inner = Checkout.new(tmp_path.resolve() / "inner")
    inner.commit(i="inner")
    inner.git("submodule", "--quiet", "add", str(deepest.path), "deep")
    inner.commit()
    checkout.commit(a="outer")
    checkout.git("submodule", "--quiet", "add", str(inner.path), "vendor/lib")
    checkout.git("submodule", "--quiet", "update", "--init", "--recursive")
    checkout.commit()
    return checkout


def test_submodules_are_part_of_the_release(outer: Checkout) -> None:
    made = outer.release()
    paths = {one.path: one for one in made.release.entries}
    assert set(paths) == {".gitmodules", "a", "vendor/lib/.gitmodules", "vendor/lib/i", "vendor/lib/deep/d"}
    wanted = [paths[path].digest for path in ("a", "vendor/lib/deep/d", "vendor/lib/i", "a")]
    assert list(made.blobs.read(wanted)) == [b"outer", b"deepest", b"inner", b"outer"]


def test_the_recorded_commit_of_a_submodule_counts_not_its_checkout(outer: Checkout) -> None:
    before = outer.release().release.digest
    Checkout(outer.path / "vendor/lib").commit(i="changed")
    assert outer.release().release.digest == before


def test_a_submodule_in_a_shipped_subdirectory(outer: Checkout) -> None:
    assert "lib/deep/d" in {one.path for one in tree(outer, "vendor").entries}


def test_a_submodule_whose_checkout_is_gone_is_still_found(outer: Checkout) -> None:
    before = outer.release().release.digest
    outer.git("submodule", "--quiet", "deinit", "--force", "vendor/lib")
    assert outer.release().release.digest == before


def test_a_submodule_that_is_not_here_is_refused_by_name(outer: Checkout, tmp_path: Path) -> None:
    clone = Checkout(tmp_path.resolve() / "clone")
    outer.git("clone", "--quiet", str(outer.path), str(clone.path))
    error = refusal(clone)
    commit = outer.git("rev-parse", "HEAD:vendor/lib")
    assert error.details == (f"vendor/lib: is a submodule, and its commit {commit[:12]} is not on this machine",)
    assert error.hint == "Type `git submodule update --init --recursive`."


@pytest.mark.parametrize("name", ["../../../../elsewhere", "/elsewhere", "-x"])
def test_a_submodules_name_leads_nowhere_outside(checkout: Checkout, tmp_path: Path, name: str) -> None:
    elsewhere = Checkout.new(tmp_path.resolve() / "elsewhere")
    module = elsewhere.commit(secret="s")
    checkout.write(".git/modules/x/keep")
    declared = checkout.blob(f'[submodule "{name}"]\n\tpath = lib\n\turl = x\n'.encode())
    commit = checkout.tree_of(("100644", "blob", declared, b".gitmodules"), ("160000", "commit", module, b"lib"))
    assert refusal(checkout, commit).details == (f"lib: is a submodule, and its commit {module[:12]} is not on this machine",)


# ------------------------------------------------------------------- large files


def _pointer(content: bytes) -> bytes:
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n".encode()


def _store(checkout: Checkout, content: bytes, stored: bytes | None = None) -> Path:
    oid = hashlib.sha256(content).hexdigest()
    return checkout.write(f".git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}", content if stored is None else stored)


def test_a_large_file_arrives_in_place_of_its_pointer(checkout: Checkout) -> None:
    content = os.urandom(3_000_000)
    checkout.write("picture", _pointer(content), executable=True)
    checkout.commit()
    _store(checkout, content)
    made = checkout.release()
    assert made.release.entries == (entry(b"picture", "executable", content),)
    assert list(made.blobs.read([made.release.entries[0].digest])) == [content]
    assert made.blobs.path(made.release.entries[0].digest) is not None


def test_a_large_file_that_is_not_here_is_refused_by_name(checkout: Checkout) -> None:
    checkout.write("picture", _pointer(b"content"))
    checkout.commit()
    error = refusal(checkout)
    assert error.details[0].startswith("picture: is a pointer of Git LFS, and its file ")
    assert error.details[0].endswith("is not on this machine")
    assert "git lfs fetch" in error.hint


@pytest.mark.parametrize("stored", [b"c0ntent", b"content and more"])
def test_a_large_file_that_is_damaged_is_refused_by_name(checkout: Checkout, stored: bytes) -> None:
    checkout.write("picture", _pointer(b"content"))
    checkout.commit()
    path = _store(checkout, b"content", stored)
    assert refusal(checkout).details[0].endswith(f"is damaged in {path}")


def test_a_text_about_pointers_is_no_pointer(checkout: Checkout) -> None:
    checkout.commit(a="version https://git-lfs.github.com/spec/v1\nis how it starts\n")
    assert len(tree(checkout).entries) == 1
