"""Tools from a mirror: which version is meant, nothing unpacked that was not verified, nothing written outside, fetched once."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway.model.errors import Refused
from shipway.model.intent import Tool
from shipway.model.release import ToolTree
from shipway.release.toolchain import store
from shipway.release.toolchain.resolved import newest
from shipway.release.toolchain.unpack import unpack
from shipway_agent import manifest
from tests.release.mirror import Mirror, mirror, tar

LINUX = "linux-x86_64"
NODE = tar(("node/bin/node", b"#!/bin/sh\n"), ("node/lib/npm.js", b"npm"), ("node/bin/npm", "→ ../lib/npm.js"))


@pytest.fixture
def site() -> Iterator[Mirror]:
    with mirror() as one:
        one.files["index.json"] = b'[{"version": "v23.1.0"}, {"version": "v22.9.0"}, {"version": "v22.11.0"}, {"version": "v2.0.0"}]'
        for version in ("22.11.0", "22.9.0"):
            one.node(version, NODE)
        yield one


def brought(site: Mirror, cache: Path, version: str = "22", platform: str = LINUX) -> tuple[ToolTree, list[str]]:
    """The tool, and what was fetched for it."""
    said: list[str] = []
    found = store.bring(store.resolve(Tool("node", version, site.url)), platform, said.append, cache=cache)
    return found, said


@pytest.mark.parametrize(
    ("wanted", "version"), [("22", "22.11.0"), ("22.9", "22.9.0"), ("2", "2.0.0"), ("23.1.0", "23.1.0"), ("21", None), ("22.1", None)]
)
def test_numbers_mean_the_newest_version_that_begins_with_them(wanted: str, version: str | None) -> None:
    assert newest(wanted, ["23.1.0", "22.9.0", "22.11.0", "2.0.0"]) == version


def test_a_tool_is_fetched_once_and_is_a_tree_of_files_and_links(site: Mirror, tmp_path: Path) -> None:
    tree, said = brought(site, tmp_path)
    assert said == [f"{site.url}/v22.11.0/node-v22.11.0-linux-x64.tar.gz"]
    assert [(entry.path, entry.kind, entry.target) for entry in tree.entries] == [
        ("bin/node", "executable", ""),
        ("bin/npm", "link", "../lib/npm.js"),
        ("lib/npm.js", "file", ""),
    ]
    assert tree.digest == manifest.digest(manifest.write(tree.entries))
    assert tree.place == f"node-22.11.0-{tree.digest[:16]}"
    assert all(manifest.digest(Path(path).read_bytes()) == digest for digest, path in tree.blobs.items())
    assert (store.programs(tree) / "node").read_bytes() == b"#!/bin/sh\n"
    assert brought(site, tmp_path) == (tree, [])


def test_an_exact_version_needs_no_list(site: Mirror, tmp_path: Path) -> None:
    del site.files["index.json"]
    assert brought(site, tmp_path, "22.9.0")[0].version == "22.9.0"


def test_what_is_damaged_in_the_cache_is_fetched_anew(site: Mirror, tmp_path: Path) -> None:
    tree, _ = brought(site, tmp_path)
    (store.programs(tree) / "node").unlink()
    again, said = brought(site, tmp_path)
    assert (again, len(said)) == (tree, 1)


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("21", "has no Node.js 21"),
        ("23.1.0", "v23.1.0/SHASUMS256.txt cannot be had: 404"),
        ("22.9.0", "is not what its checksum says"),
    ],
)
def test_what_cannot_be_had_is_refused_with_a_way_on(site: Mirror, tmp_path: Path, version: str, says: str) -> None:
    site.node("22.9.0", NODE, digest="0" * 64)
    with pytest.raises(Refused) as refused:
        brought(site, tmp_path, version)
    assert says in refused.value.message
    assert (refused.value.code, refused.value.state) == ("toolchain", "nothing was touched")
    assert refused.value.hint
    assert not list((tmp_path / "toolchains").glob("node-*")), "nothing of it was unpacked"


def test_a_mirror_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with mirror() as gone:
        pass
    with pytest.raises(Refused, match=r"index\.json cannot be had"):
        brought(gone, tmp_path)


def test_a_platform_without_an_archive_is_named_with_those_that_have_one(site: Mirror, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"there is no node 22\.11\.0 for linux-riscv64; there is for linux-x86_64"):
        brought(site, tmp_path, platform="linux-riscv64")


def test_python_is_what_the_release_of_a_mirror_has(tmp_path: Path) -> None:
    with mirror() as site:
        for version in ("3.12.1", "3.12.8", "3.13.0"):
            site.python(version, tar((f"python/bin/python{version[:4]}", version.encode())))
        site.python("3.12.8", b"", triple="aarch64-apple-darwin")
        resolved = store.resolve(Tool("python", "3.12", site.url))
        assert (resolved.version, sorted(resolved.archives)) == ("3.12.8", ["darwin-arm64", "linux-x86_64"])
        tree = store.bring(resolved, LINUX, lambda url: None, cache=tmp_path)
        assert [entry.path for entry in tree.entries] == ["bin/python3.12"]
        with pytest.raises(Refused, match=r"has no Python 3\.11") as refused:
            store.resolve(Tool("python", "3.11", site.url))
        assert refused.value.hint.endswith("3.12.1, 3.12.8, 3.13.0")


BAD: list[tuple[str, list[tuple[str, Any]], str]] = [
    ("up", [("t/../../evil", b"x")], "would leave its directory"),
    ("absolute", [("/etc/evil", b"x")], "would leave its directory"),
    ("through a link", [("t/here", "→ sub"), ("t/here/evil", b"x")], "lies below here, which is no directory"),
    ("through a link that leads out", [("t/here", "→ /tmp"), ("t/here/evil", b"x")], "lies below here, which is no directory"),
    ("a link that leads out", [("t/a/b", "→ ../../evil")], "which leads out of the tree"),
    ("an absolute link", [("t/b", "→ /etc/passwd")], "which is absolute"),
    ("twice", [("t/a", b"x"), ("t/a", b"y")], "is there twice"),
    ("a file where a directory is", [("t/a/b", b"x"), ("t/a", b"y")], "cannot be unpacked"),
    ("another name of what is outside", [("t/a", {"type": tarfile.LNKTYPE, "linkname": "t/no"})], "is no file of it"),
    ("another name that leads out", [("t/a", {"type": tarfile.LNKTYPE, "linkname": "../../etc/passwd"})], "would leave its directory"),
    ("a device", [("t/a", {"type": tarfile.CHRTYPE})], "is neither a file, a directory nor a link"),
    ("a pipe", [("t/a", {"type": tarfile.FIFOTYPE})], "is neither a file, a directory nor a link"),
]


@pytest.mark.parametrize(("members", "says"), [(members, says) for _, members, says in BAD], ids=[name for name, _, _ in BAD])
def test_an_archive_that_would_write_elsewhere_is_refused(members: list[tuple[str, Any]], says: str, tmp_path: Path) -> None:
    around = tmp_path / "around"
    archive, inside = around / "a.tar.gz", around / "deep/inside"
    around.mkdir()
    archive.write_bytes(tar(*members))
    inside.mkdir(parents=True)
    with pytest.raises(Refused) as refused:
        unpack(archive, inside)
    assert says in refused.value.message
    assert {path.name for path in around.iterdir()} == {"a.tar.gz", "deep"}
    assert {path.name for path in inside.parent.iterdir()} == {"inside"}


def test_another_name_of_a_file_is_a_file_and_modes_are_two(tmp_path: Path) -> None:
    archive, inside = tmp_path / "a.tar.gz", tmp_path / "inside"
    archive.write_bytes(tar(("t/bin/a", b"x"), ("t/b", {"type": tarfile.LNKTYPE, "linkname": "t/bin/a"})))
    inside.mkdir()
    assert [(entry.path, entry.kind) for entry in unpack(archive, inside)] == [("b", "executable"), ("bin/a", "executable")]


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(b"<html>not found</html>")
    with pytest.raises(Refused, match="cannot be unpacked"):
        unpack(archive, tmp_path)
