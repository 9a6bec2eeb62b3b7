"""Files that the proxy serves: their time follows the content, and assets of all releases on a host are in one folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import assets
from shipway_agent.errors import AgentError
from shipway_agent.manifest import OUTPUT, Entry, digest
from shipway_agent.primitives import Context, files, generations, seals, trees
from shipway_agent.primitives.prune import prune
from shipway_agent.root import Root
from shipway_agent.stamp import time_of
from tests.agent.primitives.conftest import Tree, context_of

OUTPUTS = Entry(OUTPUT, b"public/assets/made")


def deploy(context: Context, number: int, shipped: dict[str, bytes], made: dict[str, bytes] | None = None, **more: Any) -> dict[str, Any]:
    """Generation `number` with these files below `public`, of which tasks have `made` some; the answer of the step."""
    tree = Tree({b"app": b"%d" % number, **{f"public/{path}".encode(): data for path, data in shipped.items()}}, OUTPUTS)
    tree.ship(context)
    trees.make(context, {**tree.args, "static": "public"})
    for path, data in (made or {}).items():
        file = Path(context.root.full(f"outputs/{tree.release}/public/{path}"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    document = {"release": tree.release, "static": "public", "assets": ["public/assets"], "processes": [], **more}
    generations.make(context, {"number": number, "document": document, "env": {}})
    return files.lay(context, {"number": number})


def reachable(root: Root) -> dict[str, bytes]:
    """What a visitor finds, by its path."""
    place = Path(root.full(assets.FOLDER))
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def forget(context: Context, *kept: int) -> None:
    """What is left when only these generations are."""
    for number in generations.numbers(context.root):
        if number not in kept:
            context.root.remove(generations.place(number))
    assets.lay(context.root, files.newest_first(context.root), forget=True)


# ---------------------------------------------------------------- their times


def test_a_file_that_is_served_has_the_time_of_its_content_on_every_host(context: Context, tmp_path: Path) -> None:
    deploy(context, 1, {"a.css": b"a", "deep/b.css": b"b"}, {"assets/made/c.css": b"c"})
    found = {path.name: path.stat().st_mtime_ns for path in Path(context.root.path).glob("*/*/public/**/*.css")}
    assert found == {f"{name}.css": time_of(digest(name.encode())) for name in "abc"}


def test_nobody_else_s_time_is_touched(context: Context) -> None:
    deploy(context, 1, {"a.css": b"a"})
    (app,) = Path(context.root.path).glob("releases/*/app")
    assert app.stat().st_mtime_ns != time_of(digest(b"1"))


def test_a_tree_with_new_times_is_as_exact_and_as_sealed_as_before(context: Context) -> None:
    tree = Tree({b"public/a.css": b"a"})
    tree.ship(context)
    trees.make(context, tree.args)
    assert trees.make(context, {**tree.args, "static": "public", "sealed": True})["reused"]
    sealed = context.journal.meta(seals.SEAL + tree.release)
    with context.root.at(trees.FOLDER) as folder:
        assert seals.seal_of(folder, tree.release) == sealed
    assert trees.verify(context, {"release": tree.release})["exact"]


def test_times_of_two_contents_differ_and_lie_in_the_past() -> None:
    found = [time_of(digest(b"%d" % number)) for number in range(1000)]
    assert len(set(found)) == 1000
    assert 1_000_000_000 <= min(found) // 10**9 <= max(found) // 10**9 < 1_300_000_000


# --------------------------------------------------------------------- assets


def test_assets_of_all_releases_are_there_by_their_paths(context: Context, root: Root) -> None:
    assert deploy(context, 1, {"assets/a.1.js": b"1", "index.html": b"1"}) == {"stamped": 0, "assets": 1, "added": 1}
    deploy(context, 2, {"assets/a.2.js": b"2", "assets/deep/x.css": b"x"}, {"assets/made/m.js": b"m"})
    found = {"assets/a.1.js": b"1", "assets/a.2.js": b"2", "assets/deep/x.css": b"x", "assets/made/m.js": b"m"}
    assert reachable(root) == found


def test_they_cost_names_and_no_room(context: Context, root: Root) -> None:
    deploy(context, 1, {"assets/a.js": b"1"})
    (shipped,) = Path(root.path).glob("releases/*/public/assets/a.js")
    assert Path(root.full("assets/assets/a.js")).samefile(shipped)


def test_a_second_time_changes_nothing(context: Context, root: Root) -> None:
    deploy(context, 1, {"assets/a.js": b"1"})
    assert files.lay(context, {"number": 1})["added"] == 0


def test_what_is_hidden_or_a_link_is_not_among_them(context: Context, root: Root) -> None:
    deploy(context, 1, {"assets/.env": b"x", "assets/.git/y": b"y", "assets/a.js": b"1"}, {"assets/made/m.js": b"m"})
    (made,) = Path(root.path).glob("outputs/*/public/assets/made")
    (made / "passwd").symlink_to("/etc/passwd")
    files.lay(context, {"number": 1})
    assert set(reachable(root)) == {"assets/a.js", "assets/made/m.js"}


def test_of_one_name_the_newest_is_kept_and_the_change_is_said(context: Context, root: Root) -> None:
    deploy(context, 1, {"assets/a.js": b"1"}, {"assets/made/m.js": b"same"})
    answer = deploy(context, 2, {"assets/a.js": b"2"}, {"assets/made/m.js": b"same"})
    assert "/assets/a.js of assets changed under the same name" in answer["note"]
    assert "m.js" not in answer["note"]
    assert reachable(root)["assets/a.js"] == b"2"


@pytest.mark.parametrize("newer", ["file", "folder"])
def test_a_file_where_a_folder_was_and_the_other_way_round(context: Context, root: Root, newer: str) -> None:
    sides = [{"assets/x": b"f"}, {"assets/x/y.js": b"d"}]
    older, after = sides if newer == "folder" else sides[::-1]
    deploy(context, 1, older)
    deploy(context, 2, after)
    assert reachable(root) == after


def test_what_no_release_here_has_any_more_goes(context: Context, root: Root) -> None:
    for number in (1, 2, 3):
        deploy(context, number, {f"assets/{number}/a.js": b"%d" % number})
    Path(root.full("assets/assets/3/.new-0123456789abcdef")).write_text("of a killed agent")
    forget(context, 2, 3)
    assert reachable(root) == {"assets/2/a.js": b"2", "assets/3/a.js": b"3"}
    assert sorted(os.listdir(root.full("assets/assets"))) == ["2", "3"]


def test_prune_forgets_them_and_their_blobs(context: Context, root: Root) -> None:
    deploy(context, 1, {"assets/a.js": b"1"})
    assert prune(context, {"keep": 1})["blobs"] > 0, "generation 1 was never committed"
    assert reachable(root) == {}
    assert not list(Path(root.full("blobs")).glob(f"*/{digest(b'1')}"))


def test_a_host_without_any_has_no_folder_for_them(context: Context, root: Root) -> None:
    deploy(context, 1, {"index.html": b"1"}, assets=[])
    assert not Path(root.full(assets.FOLDER)).exists()


def test_a_generation_that_is_not_here_is_named(root: Root, context: Context) -> None:
    with pytest.raises(AgentError, match="generation 9") as refused:
        files.lay(context_of(root, context.journal), {"number": 9})
    assert refused.value.code == "no-generation"
