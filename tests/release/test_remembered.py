"""What a command has read from git is not read again by the next, and nothing that the memory says can make another release."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.model.errors import Refused
from shipway.release.git import Git
from shipway.release.remembered import FILE, MOST_BYTES, Contents
from shipway.release.tree import Tree, read_tree
from shipway_agent import manifest
from tests.release.repositories import Checkout

OID = "ab" * 20
DIGEST = "cd" * 32


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The objects whose contents git was asked for."""
    found: list[str] = []
    real = Git.blobs

    def blobs(self: Git, oids: Iterator[str]) -> object:
        named = list(oids)
        found.extend(named)
        return real(self, named)

    monkeypatch.setattr(Git, "blobs", blobs)
    return found


def tree(checkout: Checkout, contents: Contents) -> Tree:
    return read_tree(checkout.repository, checkout.git("rev-parse", "HEAD"), ".", contents)


def filled(checkout: Checkout) -> None:
    checkout.write("a", b"1" * 10_000)
    checkout.write("b", b"2")
    checkout.write("run", b"#!/bin/sh\n", executable=True)
    checkout.link("link", "a")
    checkout.commit()


def test_a_second_command_reads_only_links_and_what_is_new(checkout: Checkout, tmp_path: Path, asked: list[str]) -> None:
    filled(checkout)
    contents = Contents(tmp_path / "cache")
    first = tree(checkout, contents)
    assert len(asked) == 4
    del asked[:]
    assert tree(checkout, contents) == first
    assert asked == [checkout.git("rev-parse", "HEAD:link")]
    del asked[:]
    checkout.write("b", b"3")
    checkout.commit()
    assert tree(checkout, contents) == tree(checkout, Contents())
    assert checkout.git("rev-parse", "HEAD:b") in asked


def test_what_was_read_to_be_named_is_not_read_once_more_to_travel(checkout: Checkout, asked: list[str]) -> None:
    filled(checkout)
    made = checkout.release()
    before = list(asked)
    digests = list(dict.fromkeys(entry.digest for entry in made.release.entries if entry.digest))
    assert [manifest.digest(content) for content in made.blobs.read(digests)] == digests
    assert asked == before


def test_what_is_held_is_bounded_and_the_rest_is_read_from_git(
    checkout: Checkout, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shipway.release.tree.HELD_BYTES", 10_000)
    filled(checkout)
    checkout.commit(c="3" * 10_000)
    made = checkout.release()
    del asked[:]
    digests = list(dict.fromkeys(entry.digest for entry in made.release.entries if entry.digest))
    assert [manifest.digest(content) for content in made.blobs.read(digests)] == digests
    assert 0 < len(asked) < len(digests)


def test_what_is_remembered_must_be_in_the_repository_all_the_same(checkout: Checkout, tmp_path: Path) -> None:
    filled(checkout)
    contents = Contents(tmp_path / "cache")
    tree(checkout, contents)
    oid = checkout.git("rev-parse", "HEAD:a")
    loose = checkout.repository.directory / "objects" / oid[:2] / oid[2:]
    loose.chmod(0o600)
    loose.unlink()
    with pytest.raises(Refused):
        tree(checkout, contents)


@pytest.mark.parametrize("damage", ["digest", "size", "no database", "a directory"])
def test_a_damaged_memory_is_no_memory(checkout: Checkout, tmp_path: Path, damage: str) -> None:
    filled(checkout)
    contents = Contents(tmp_path / "cache")
    right = tree(checkout, contents)
    file = tmp_path / "cache" / FILE
    if damage == "no database":
        file.write_bytes(b"these are no tables " * 1000)
    elif damage == "a directory":
        file.unlink()
        file.mkdir()
    else:
        with closing(sqlite3.connect(file)) as database:
            database.execute("UPDATE content SET digest = zeroblob(32)" if damage == "digest" else "UPDATE content SET size = size + 1")
            database.commit()
    assert tree(checkout, contents) == right
    assert tree(checkout, contents) == right


def test_a_memory_that_has_grown_too_large_begins_anew(tmp_path: Path) -> None:
    contents = Contents(tmp_path)
    contents.add({OID: (DIGEST, 3)})
    with (tmp_path / FILE).open("r+b") as file:
        file.truncate(MOST_BYTES + 1)
    assert contents.of([OID]) == {}
    contents.add({OID: (DIGEST, 3)})
    assert contents.of([OID]) == {OID: (DIGEST, 3)}


@given(st.dictionaries(st.binary(min_size=20, max_size=20).map(bytes.hex), st.integers(0, 2**40), max_size=40))
def test_what_was_added_is_there_and_nothing_else(tmp_path_factory: pytest.TempPathFactory, sizes: dict[str, int]) -> None:
    contents = Contents(tmp_path_factory.mktemp("contents"))
    contents.add({oid: (DIGEST, size) for oid, size in sizes.items()})
    assert contents.of([*sizes, "00" * 20]) == {oid: (DIGEST, size) for oid, size in sizes.items()}
