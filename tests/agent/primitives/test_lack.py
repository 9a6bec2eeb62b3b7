"""Which contents of a manifest are not on a host: asked with what the manifest changes in one that is there, answered by their places."""

from __future__ import annotations

import zlib

import pytest

from shipway_agent import manifest
from shipway_agent.manifest import digest
from shipway_agent.primitives import Context, blobs
from shipway_agent.primitives.lack import lack
from shipway_agent.root import Root
from tests.agent.primitives.conftest import Tree, blob_path, flip
from tests.agent.primitives.test_blobs import code_of

BEFORE = Tree({b"%d" % number: b"content %d" % number for number in range(10)})
AFTER = Tree({**BEFORE.files, b"3": b"three", b"4": b"four", b"8": b"eight", b"new": b"new"} | {b"9": b"content 9"}, executable=(b"9",))


def change(base: Tree, wanted: Tree) -> dict[str, object]:
    put, removed = manifest.change(base.manifest, wanted.manifest)
    return {"digest": wanted.release, "base": base.release, "put": put, "removed": removed}


def runs(context: Context, *asked: dict[str, object], body: bytes = b"") -> object:
    return lack(context, {"manifests": list(asked)}, [body])["manifests"]


def test_a_host_that_has_the_one_before_hears_what_differs_and_says_where_it_lacks(context: Context, root: Root) -> None:
    BEFORE.ship(context)
    question = change(BEFORE, AFTER)
    assert len(question["put"]) == 5  # type: ignore[arg-type]  # four contents and a mode
    assert runs(context, question) == [[3, 5, 8, 9, 10, 11]], "the mode of 9 is no content, and its twin is there now"
    assert blobs.read(root, AFTER.release) == AFTER.manifest
    lacked = [manifest.contents(manifest.read(AFTER.manifest))[place][0] for place in (3, 4, 8, 10)]
    assert lacked == [digest(data) for data in (b"three", b"four", b"eight", b"new")]


def test_a_manifest_that_is_there_needs_its_digest_only(context: Context) -> None:
    BEFORE.ship(context)
    assert runs(context, {"digest": BEFORE.release}) == [[]]


def test_a_bare_host_knows_no_manifest_and_says_that_it_has_nothing(context: Context) -> None:
    answer = lack(context, {"manifests": [change(BEFORE, AFTER)], "blobs": [[digest(b"x"), True]]})
    assert answer.pop("free_bytes") > 0
    assert answer == {"lacking": [[digest(b"x"), True]], "manifests": [None], "blobs": 0, "parcels": []}


@pytest.mark.parametrize("state", ["another", "damaged", "wrong change"])
def test_a_base_that_is_not_what_it_should_be_makes_no_manifest(context: Context, root: Root, state: str) -> None:
    BEFORE.ship(context)
    question = change(BEFORE, AFTER)
    if state == "another":
        question["base"] = digest(b"never seen")
    elif state == "damaged":
        flip(blob_path(root, BEFORE.release), 77)
    else:
        question["removed"] = ["0"]
    assert runs(context, question) == [None]
    assert root.stat(f"blobs/{AFTER.release[:2]}/{AFTER.release}") is None


def test_then_it_is_told_whole(context: Context, root: Root) -> None:
    BEFORE.ship(context)
    other = Tree({b"tool": b"a tool"})
    packed = zlib.compress(AFTER.manifest + other.manifest)
    told = [{"digest": tree.release, "size": len(tree.manifest)} for tree in (AFTER, other)]
    assert runs(context, *told, body=packed) == [[3, 5, 8, 9, 10, 11], [0, 1]]
    assert blobs.read(root, AFTER.release) == AFTER.manifest
    assert code_of(lambda: runs(context, {"digest": digest(b"else"), "size": 9}, body=packed)) == "flipped"
    assert code_of(lambda: runs(context, told[0], body=packed[:50])) == "body"
    assert code_of(lambda: runs(context, told[0], body=b"no zlib at all")) == "body"


def test_a_damaged_manifest_is_brought_anew(context: Context, root: Root) -> None:
    BEFORE.ship(context)
    AFTER.ship(context)
    flip(blob_path(root, AFTER.release), 5)
    assert runs(context, {"digest": AFTER.release}) == [None]
    assert runs(context, change(BEFORE, AFTER)) == [[]]
    assert blobs.read(root, AFTER.release) == AFTER.manifest
