"""A tool on a host: exactly what its manifest says, read-only, shared by releases, and gone with the last generation that names it."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from shipway_agent.errors import AgentError
from shipway_agent.manifest import LINK, OUTPUT, Entry, digest
from shipway_agent.primitives import Context, seals, toolchains
from shipway_agent.primitives.prune import prune
from shipway_agent.root import Root
from shipway_agent.surroundings import with_tools
from tests.agent.primitives.conftest import Tree, blob_path
from tests.agent.primitives.test_prune import deploy


def tool(context: Context, version: str = "22.11.0") -> tuple[Tree, dict[str, str]]:
    """A shipped tool, and the arguments of toolchain.make."""
    files = {b"bin/node": f"#!/bin/sh\necho {version}\n".encode(), b"lib/npm.js": b"npm"}
    tree = Tree(files, Entry(LINK, b"bin/npm", target=b"../lib/npm.js"), executable=(b"bin/node",))
    tree.ship(context)
    return tree, {"place": f"node-{version}-{tree.release[:16]}", "manifest": tree.release}


def test_it_is_made_once_and_can_be_run(context: Context, root: Root) -> None:
    _, args = tool(context)
    made = toolchains.make(context, args)
    assert (made["files"], made["reused"]) == (2, False)
    assert toolchains.make(context, args)["reused"]
    place = Path(root.path, "toolchains", args["place"])
    assert subprocess.run([place / "bin/node"], capture_output=True, check=True).stdout == b"22.11.0\n"
    assert (place / "bin/npm").read_text() == "npm"
    assert {stat.S_IMODE(os.lstat(place / path).st_mode) for path in ("", "bin", "bin/node")} == {0o555}


def test_one_that_somebody_wrote_to_is_made_anew(context: Context, root: Root) -> None:
    _, args = tool(context)
    toolchains.make(context, args)
    place = Path(root.path, "toolchains", args["place"])
    place.chmod(0o755)
    (place / "extra").write_text("x")
    assert not toolchains.make(context, args)["reused"]
    assert not (place / "extra").exists()


def test_a_damaged_blob_that_is_found_breaks_the_seals_of_releases_too(context: Context, root: Root) -> None:
    """Any tree may have that very file."""
    release = deploy(context, 1)
    tree, args = tool(context)
    blob = blob_path(root, digest(tree.files[b"lib/npm.js"]))
    os.unlink(blob)
    Path(blob).write_bytes(b"NPM")
    context.root.compared.clear()
    with pytest.raises(AgentError, match="damaged"):
        toolchains.make(context, args)
    assert not seals.is_sealed(root, context.journal, release.release)


@pytest.mark.parametrize("place", ["node-22.11.0-" + "0" * 16, "../evil-1-" + "0" * 16, "node", "node-22/../x-" + "0" * 16])
def test_a_place_that_is_not_its_own_is_refused(context: Context, place: str) -> None:
    tree, _ = tool(context)
    with pytest.raises(AgentError) as refused:
        toolchains.make(context, {"place": place, "manifest": tree.release})
    assert refused.value.code == "tool"


def test_a_manifest_with_what_only_a_release_has_is_refused(context: Context) -> None:
    tree = Tree({b"bin/node": b"x"}, Entry(OUTPUT, b"built"))
    tree.ship(context)
    with pytest.raises(AgentError, match="a tool has files and links"):
        toolchains.make(context, {"place": f"node-1.0.0-{tree.release[:16]}", "manifest": tree.release})


def test_it_stays_as_long_as_a_generation_names_it(context: Context, root: Root) -> None:
    _, old = tool(context, "20.1.0")
    _, new = tool(context)
    for number, args in ((1, old), (2, old), (3, new), (4, new), (5, new)):
        toolchains.make(context, args)
        deploy(context, number, toolchains=[{"name": "node", "version": "x", **args}])
    assert root.names("toolchains") == sorted([old["place"], new["place"]])
    removed = prune(context, {"keep": 1})["removed"]
    assert f"toolchains/{old['place']}" in removed
    assert root.names("toolchains") == [new["place"]]
    assert toolchains.make(context, new)["reused"], "its manifest is still here"


def test_its_programs_come_before_all_others() -> None:
    document = {"toolchains": [{"place": "node-1-x"}, {"place": "python-1-x"}]}
    assert with_tools({"PATH": "/usr/bin", "A": "b"}, "/r", document) == {
        "PATH": "/r/toolchains/node-1-x/bin:/r/toolchains/python-1-x/bin:/usr/bin",
        "A": "b",
    }
    assert with_tools({"PATH": "/usr/bin"}, "/r", {}) == {"PATH": "/usr/bin"}
