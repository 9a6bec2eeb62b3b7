"""A release on a host: exactly the tree of its manifest, every byte verified, complete under its name or not there at all."""

from __future__ import annotations

import os
import random
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipway_agent.errors import AgentError, Foreign
from shipway_agent.folder import Folder
from shipway_agent.journal import Journal
from shipway_agent.manifest import FILE, LINK, OUTPUT, SHARED, Entry, digest, write
from shipway_agent.primitives import Context, blobs, filling, generations, intake, lack, seals, trees
from shipway_agent.root import Root
from tests.agent.primitives.conftest import Tree, blob_path, context_of, flip
from tests.agent.primitives.test_blobs import die_at

FILES = {b"app.py": b"print(1)\n", b"bin/run": b"#!/bin/sh\n", b"lib/deep/er/x": b"", b"copy.py": b"print(1)\n"}


def sample(*others: Entry) -> Tree:
    return Tree(FILES, *others, executable=(b"bin/run",))


def place(root: Root, tree: Tree, path: str = "") -> Path:
    return Path(root.path, "releases", tree.release, path)


def refusal(context: Context, tree: Tree) -> AgentError:
    with pytest.raises(AgentError) as caught:
        trees.make(context, tree.args)
    return caught.value


def test_a_release_is_exactly_its_tree_and_read_only(context: Context, root: Root) -> None:
    tree = sample(Entry(LINK, b"now", target=b"lib/deep"))
    tree.ship(context)
    assert trees.make(context, tree.args) == {"files": 4, "bytes": 28, "reused": False}
    at = place(root, tree)
    found = {os.path.join(above, name).removeprefix(f"{at}/") for above, inner, files in os.walk(at) for name in (*inner, *files)}
    assert found == {"app.py", "bin", "bin/run", "copy.py", "lib", "lib/deep", "lib/deep/er", "lib/deep/er/x", "now"}
    assert (at / "bin/run").read_bytes() == b"#!/bin/sh\n" and os.readlink(at / "now") == "lib/deep"
    modes = {path: stat.S_IMODE(os.lstat(at / path).st_mode) for path in ("", "lib/deep", "app.py", "bin/run")}
    assert modes == {"": 0o555, "lib/deep": 0o555, "app.py": 0o444, "bin/run": 0o555}
    assert trees.complete(root) == [tree.release]


def test_the_same_content_is_on_the_disk_once(context: Context, root: Root) -> None:
    tree = sample()
    tree.ship(context)
    trees.make(context, tree.args)
    inodes = {os.stat(place(root, tree, name)).st_ino for name in ("app.py", "copy.py")}
    assert inodes == {os.stat(blob_path(root, digest(b"print(1)\n"))).st_ino}


def test_names_with_newlines_and_without_any_encoding_arrive_exactly(context: Context, root: Root) -> None:
    names = [b"with space", b"new\nline", b"caf\xe9", b"\xff\xfe/\x01", b"A", b"a", b"-rf", b"~", b"\xf0\x9f\x9a\xa2"]
    tree = Tree({name: name for name in names}, Entry(LINK, b"l\xff", target=b"caf\xe9"))
    tree.ship(context)
    trees.make(context, tree.args)
    at = os.fsencode(place(root, tree))
    for name in names:
        with open(at + b"/" + name, "rb") as file:
            assert file.read() == name
    assert os.readlink(at + b"/l\xff") == b"caf\xe9"
    assert trees.verify(context, {"release": tree.release}) == {"exact": True, "differences": []}


def test_shared_paths_and_outputs_are_links_to_what_outlives_the_release(context: Context, root: Root) -> None:
    tree = sample(Entry(SHARED, b"var/media"), Entry(OUTPUT, b"public/build"), Entry(SHARED, b"uploads"))
    tree.ship(context)
    trees.make(context, tree.args)
    (place(root, tree, "var/media") / "photo").write_bytes(b"p")
    (place(root, tree, "public/build") / "app.js").write_bytes(b"j")
    assert Path(root.path, "shared/var/media/photo").read_bytes() == b"p"
    assert Path(root.path, f"outputs/{tree.release}/public/build/app.js").read_bytes() == b"j"
    assert os.readlink(place(root, tree, "var/media")) == "../../../shared/var/media"
    assert os.readlink(place(root, tree, "uploads")) == "../../shared/uploads"
    assert trees.verify(context, {"release": tree.release})["exact"], "what a task wrote is not part of the tree"
    trees.make(context, tree.args)
    assert Path(root.path, "shared/var/media/photo").exists()


def test_a_shared_file_that_is_there_stays_a_file(context: Context, root: Root) -> None:
    root.at("shared", create=True).close()
    root.write("shared/db.sqlite3", b"data")
    tree = sample(Entry(SHARED, b"db.sqlite3"))
    tree.ship(context)
    trees.make(context, tree.args)
    assert place(root, tree, "db.sqlite3").read_bytes() == b"data"


# --------------------------------------------------------------------- faults


@pytest.mark.parametrize("seed", range(12))
def test_a_flipped_bit_in_any_blob_is_found_named_and_sent_again(context: Context, root: Root, seed: int) -> None:
    chance = random.Random(seed)
    tree = Tree({f"f{i}".encode(): chance.randbytes(chance.randrange(1, 3000)) for i in range(8)}, executable=(b"f0",))
    tree.ship(context)
    path = chance.choice(sorted(tree.files))
    name, executable = digest(tree.files[path]), path == b"f0"
    flip(blob_path(root, name, executable), chance.randrange(8 * len(tree.files[path])))
    error = refusal(context, tree)
    assert error.code == "flipped" and name in error.message and path.decode() in error.message
    assert trees.complete(root) == [] and root.names("releases") == []
    assert lack.lack(context, {"blobs": [[n, x] for n, x, _ in tree.wanted]})["lacking"] == [[name, executable]]
    tree.ship(context)
    assert trees.make(context, tree.args)["reused"] is False


def test_a_blob_that_is_cut_off_is_found(context: Context, root: Root) -> None:
    tree = sample()
    tree.ship(context)
    os.truncate(blob_path(root, digest(b"print(1)\n")), 3)
    assert refusal(context, tree).code == "flipped"


def test_blobs_that_lack_are_named_all_at_once(context: Context, root: Root) -> None:
    tree = sample()
    tree.ship(context)
    os.unlink(blob_path(root, digest(b"print(1)\n")))
    os.unlink(blob_path(root, digest(b"#!/bin/sh\n"), True))
    error = refusal(context, tree)
    assert error.code == "lacking"
    assert sorted(error.facts["blobs"]) == sorted([[digest(b"print(1)\n"), False]] * 2 + [[digest(b"#!/bin/sh\n"), True]])
    assert trees.complete(root) == []


def test_a_manifest_that_lacks_or_is_another_ones_is_refused(context: Context) -> None:
    tree, other = sample(), Tree({b"x": b"y"})
    assert refusal(context, tree).code == "lacking"
    other.ship(context)
    with pytest.raises(AgentError, match="does not describe"):
        trees.make(context, {"release": tree.release, "manifest": other.release})


@pytest.mark.parametrize(
    "entries",
    [
        [Entry(FILE, b"../../../etc/x", digest(b""))],
        [Entry(FILE, b"/etc/x", digest(b""))],
        [Entry(LINK, b"door", target=b"/etc"), Entry(FILE, b"door/x", digest(b""))],
        [Entry(FILE, b"x\0y", digest(b""))],
        [Entry(FILE, b"x", digest(b"")), Entry(FILE, b"x", digest(b""))],
    ],
    ids=["dot-dot", "absolute", "through a link", "NUL", "twice"],
)
def test_a_hostile_manifest_writes_nothing(context: Context, root: Root, entries: list[Entry]) -> None:
    data = write(entries)
    blobs.keep(root, [(digest(data), False, len(data)), (digest(b""), False, 0)], [data])
    with pytest.raises(AgentError) as caught:
        trees.make(context, {"release": digest(data), "manifest": digest(data)})
    assert caught.value.code == "manifest"
    assert root.names("releases") == []


def test_a_link_out_of_the_tree_arrives_as_it_is_and_nothing_is_written_there(context: Context, root: Root, tmp_path: Path) -> None:
    tree = sample(Entry(LINK, b"out", target=os.fsencode(tmp_path)))
    tree.ship(context)
    before = sorted(os.listdir(tmp_path))
    trees.make(context, tree.args)
    assert os.readlink(place(root, tree, "out")) == str(tmp_path)
    root.remove(f"releases/{tree.release}")
    assert sorted(os.listdir(tmp_path)) == before


def test_a_link_in_the_place_of_releases_is_refused(context: Context, root: Root, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    os.symlink(tmp_path / "outside", f"{root.path}/releases")
    tree = sample()
    tree.ship(context)
    with pytest.raises(Foreign):
        trees.make(context, tree.args)
    assert os.listdir(tmp_path / "outside") == []


def test_content_that_may_not_be_linked_once_more_is_copied(context: Context, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """ext4 stops at 65,000 links, which a thousand empty files in some dozens of releases reach."""

    def link(*_: object, **__: object) -> None:
        raise OSError(31, "Too many links")

    tree = sample()
    tree.ship(context)
    monkeypatch.setattr(os, "link", link)
    trees.make(context, tree.args)
    assert trees.verify(context, {"release": tree.release})["exact"]
    assert os.stat(place(root, tree, "app.py")).st_nlink == 1


# -------------------------------------------------------------------- shadows


def live(context: Context, tree: Tree, shared: list[str]) -> None:
    """A generation that declares shared paths."""
    tree.ship(context)
    trees.make(context, tree.args)
    document = {"release": tree.release, "processes": [], "shared": shared}
    generations.make(context, {"number": 1, "document": document, "env": {}})


@pytest.mark.parametrize("path", [b"var/media", b"var/media/logo.png", b"var"], ids=["in its place", "below it", "above it"])
def test_a_release_that_would_hide_shared_data_is_refused(context: Context, root: Root, path: bytes) -> None:
    live(context, sample(Entry(SHARED, b"var/media")), ["var/media"])
    Path(root.path, "shared/var/media/photo").write_bytes(b"p")
    tree = Tree({path: b"x"})
    tree.ship(context)
    error = refusal(context, tree)
    assert error.code == "shadowed" and "var/media" in error.message
    assert trees.complete(root) != [tree.release]


def test_a_shared_path_without_data_may_become_part_of_the_tree(context: Context) -> None:
    live(context, sample(Entry(SHARED, b"media")), ["media"])
    tree = Tree({b"media/logo.png": b"x"})
    tree.ship(context)
    assert trees.make(context, tree.args)["files"] == 1


def test_a_shared_path_that_is_not_declared_any_more_keeps_its_data(context: Context, root: Root) -> None:
    live(context, sample(Entry(SHARED, b"media")), ["media"])
    Path(root.path, "shared/media/photo").write_bytes(b"p")
    tree = Tree({b"other": b"x"})
    tree.ship(context)
    trees.make(context, tree.args)
    assert Path(root.path, "shared/media/photo").exists()


# ---------------------------------------------------------------------- drift


@pytest.fixture
def made(context: Context, root: Root) -> Tree:
    tree = sample(Entry(LINK, b"now", target=b"lib/deep"))
    tree.ship(context)
    trees.make(context, tree.args)
    return tree


def test_a_release_that_is_exact_is_reused(context: Context, made: Tree, root: Root) -> None:
    before = os.stat(place(root, made)).st_ino
    assert trees.make(context, made.args) == {"files": 4, "bytes": 28, "reused": True}
    assert os.stat(place(root, made)).st_ino == before


def change(at: Path, path: str, how: str) -> None:
    """What people do to a release by hand."""
    target = at / path
    for above in (target.parent, at):
        os.chmod(above, 0o755)
    if how == "write":
        os.chmod(target, 0o644)
        target.write_bytes(b"print(2)\n")
    elif how == "mode":
        os.chmod(target, 0o644)
    elif how == "remove":
        target.unlink()
    elif how == "add":
        target.write_bytes(b"")
    elif how == "directory":
        target.unlink()
        target.mkdir()
    elif how == "retarget":
        target.unlink()
        target.symlink_to("/etc")
    for above in (target.parent, at):
        os.chmod(above, 0o555)


BY_HAND = [
    ("bin/run", "write", "changed"),
    ("bin/run", "mode", "mode"),
    ("bin/run", "remove", "missing"),
    ("bin/debug", "add", "extra"),
    ("bin/run", "directory", "kind"),
    ("now", "retarget", "changed"),
    ("now", "remove", "missing"),
    ("bin/run", "retarget", "kind"),
]


@pytest.mark.parametrize(("path", "how", "what"), BY_HAND)
def test_whatever_is_changed_by_hand_is_named_and_repaired(
    context: Context, root: Root, made: Tree, path: str, how: str, what: str
) -> None:
    change(place(root, made), path, how)
    found = trees.verify(context, {"release": made.release})
    assert found == {"exact": False, "differences": [{"path": path, "what": what}]}
    if how == "write":  # the blob is the same file as the one that was written to
        lacking = [[digest(FILES[b"bin/run"]), True]]
        assert lack.lack(context, {"blobs": [[n, x] for n, x, _ in made.wanted]})["lacking"] == lacking
        made.ship(context)
    assert trees.make(context, made.args)["reused"] is False
    assert trees.verify(context, {"release": made.release})["exact"]


class Reads:
    """Counts the files that are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: list[str] = []
        real = blobs.digest_of_file

        def watched(file: int) -> tuple[str, int]:
            self.found.append(os.path.basename(os.readlink(f"/proc/self/fd/{file}")))
            return real(file)

        monkeypatch.setattr(blobs, "digest_of_file", watched)

    def since(self) -> list[str]:
        """Their names since it was last asked."""
        found, self.found = sorted(self.found), []
        return found


def test_a_tree_that_nobody_wrote_to_is_not_read_again(context: Context, made: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    others = Tree({b"other.py": FILES[b"app.py"]})  # another release that shares a file, which puts one more link to it
    others.ship(context)
    trees.make(context, others.args)
    reads = Reads(monkeypatch)
    assert trees.make(context, made.args)["reused"] is True
    assert reads.since() == []
    assert trees.verify(context, {"release": made.release})["exact"] and len(reads.since()) == 4, "who verifies reads everything"


def serve(context: Context, number: int, tree: Tree) -> None:
    """A generation of a release that stands: its files are what the next one is compared with."""
    generations.make(context, {"number": number, "document": {"release": tree.release, "processes": []}, "env": {}})


def bring(context: Context, tree: Tree) -> None:
    """Only what lacks, as a deployment does: what is here stays the file that it is."""
    lacking = lack.lack(context, {"blobs": [[name, executable] for name, executable, _ in tree.wanted]})["lacking"]
    wanted = [(name, executable, size) for name, executable, size in tree.wanted if [name, executable] in lacking]
    blobs.keep(context.root, wanted, [tree.contents[name, executable] for name, executable, _ in wanted])


def test_of_a_release_that_differs_in_a_file_only_that_one_is_read(
    context: Context, made: Tree, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(context, 1, made)
    reads = Reads(monkeypatch)
    tree = Tree({**FILES, b"app.py": b"print(2)\n"}, executable=(b"bin/run",))
    bring(context, tree)
    forget(context)
    assert trees.make(context, tree.args) == {"files": 4, "bytes": 28, "reused": False}
    assert reads.since() == [digest(b"print(2)\n")]
    assert os.stat(place(root, tree, "copy.py")).st_ino == os.stat(place(root, made, "copy.py")).st_ino
    assert trees.verify(context, {"release": tree.release})["exact"] and seals.is_sealed(root, context.journal, tree.release)


def forget(context: Context) -> None:
    """What follows is done by another process than the one that content came to."""
    context.root.compared.clear()


def test_what_was_compared_as_it_came_is_not_read_back(context: Context, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = sample()
    tree.ship(context)
    reads = Reads(monkeypatch)
    trees.make(context, tree.args)
    assert reads.since() == []
    assert trees.verify(context, {"release": tree.release})["exact"] and seals.is_sealed(root, context.journal, tree.release)


def test_what_comes_behind_the_first_so_many_is_read_back(context: Context, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_COMPARED", 2)
    tree = sample()
    tree.ship(context)
    assert len(root.compared) == 2
    reads = Reads(monkeypatch)
    trees.make(context, tree.args)
    assert 0 < len(reads.since()) < len(tree.files)


def test_a_size_that_is_not_the_contents_is_refused_whoever_links_it(context: Context) -> None:
    content = b"four"
    tree = Tree({b"f": content})
    tree.ship(context)
    data = write([Entry(FILE, b"f", digest(content), 999)])
    blobs.keep(context.root, [(digest(data), False, len(data))], [data])
    for _ in range(2):
        with pytest.raises(AgentError) as caught:
            trees.make(context, {"release": digest(data), "manifest": digest(data)})
        assert caught.value.code == "flipped"
        tree.ship(context)
        forget(context)


def overwrite(path: str, content: bytes) -> None:
    """Other content of the same length, in place, that leaves the time of the last write as it was: as a disk does."""
    info = os.stat(path)
    os.chmod(path, 0o600)
    with open(path, "r+b") as file:
        file.write(content)
    os.chmod(path, stat.S_IMODE(info.st_mode))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def test_what_only_reading_finds_is_repaired_in_every_release_that_has_it(context: Context, made: Tree, root: Root) -> None:
    others = Tree({b"other.py": FILES[b"app.py"]})
    others.ship(context)
    trees.make(context, others.args)
    overwrite(blob_path(root, digest(FILES[b"app.py"])), b"print(7)\n")
    assert trees.make(context, made.args)["reused"], "it is not seen"
    assert [found["path"] for found in trees.verify(context, {"release": made.release})["differences"]] == ["app.py", "copy.py"]
    for tree, path in ((made, "app.py"), (others, "other.py")):
        bring(context, tree)
        assert not trees.make(context, tree.args)["reused"]
        assert place(root, tree, path).read_bytes() == FILES[b"app.py"]
        assert trees.verify(context, {"release": tree.release})["exact"]


def test_a_write_before_a_file_gets_the_time_of_its_content_breaks_the_seal(
    context: Context, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = Tree({b"public/a.css": b"a { }", b"public/copy.css": b"a { }", b"private/copy.css": b"a { }", b"app.py": b"print()"})
    tree.ship(context)
    args = {**tree.args, "static": "public"}
    fill = filling.fill

    def filled_and_overwritten(*args: Any) -> Any:
        made = fill(*args)
        flip(blob_path(root, digest(b"a { }")), 3)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(filling, "fill", filled_and_overwritten)
        trees.make(context, args)
    assert not seals.is_sealed(root, context.journal, tree.release)
    assert len(trees.verify(context, {"release": tree.release})["differences"]) == 3
    tree.ship(context)
    trees.make(context, args)
    assert trees.verify(context, {"release": tree.release})["exact"] and seals.is_sealed(root, context.journal, tree.release)
    assert trees.make(context, args)["reused"] and seals.is_sealed(root, context.journal, tree.release)


def test_no_more_trees_are_kept_in_mind_than_a_deployment_looks_at(context: Context, root: Root) -> None:
    several = [Tree({b"f": str(number).encode()}) for number in range(seals.MOST_TREES + 2)]
    for tree in several:
        tree.ship(context)
        trees.make(context, tree.args)
        assert seals.is_sealed(root, context.journal, tree.release)
    assert list(root.unbroken) == [tree.release for tree in several[-seals.MOST_TREES :]]


def replace(blob: Path, content: bytes) -> None:
    """Another file under the name of a blob, with its size, mode and time."""
    info = blob.stat()
    (blob.parent / "aside").write_bytes(content)
    os.chmod(blob.parent / "aside", stat.S_IMODE(info.st_mode))
    os.utime(blob.parent / "aside", ns=(info.st_atime_ns, info.st_mtime_ns))
    os.rename(blob.parent / "aside", blob)


@pytest.mark.parametrize("how", ["in place", "by another file", "cut off", "by a link"])
def test_a_blob_that_somebody_overwrote_is_found_though_a_standing_tree_has_it(
    context: Context, made: Tree, root: Root, how: str, tmp_path: Path
) -> None:
    serve(context, 1, made)
    assert seals.is_sealed(root, context.journal, made.release), "as the look in front of each deployment finds it"
    tree = Tree({**FILES, b"new.py": b"new\n"}, executable=(b"bin/run",))
    bring(context, tree)
    blob = Path(blob_path(root, digest(FILES[b"app.py"])))
    if how == "in place":
        flip(str(blob), 3)
    elif how == "by another file":
        replace(blob, b"print(3)\n")
    elif how == "cut off":
        os.truncate(blob, 3)
    else:
        (tmp_path / "elsewhere").write_bytes(FILES[b"app.py"])
        blob.unlink()
        blob.symlink_to(tmp_path / "elsewhere")
    error = refusal(context, tree)
    assert error.code == ("foreign" if how == "by a link" else "flipped")
    assert trees.complete(root) == [made.release]


def test_a_tree_is_looked_at_once_for_a_deployment(context: Context, made: Tree, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(context, 1, made)
    looks: list[str] = []
    look = seals.look

    def watched(tree: Folder) -> seals.Look:
        looks.append(tree.path)
        return look(tree)

    monkeypatch.setattr(seals, "look", watched)
    assert seals.is_sealed(root, context.journal, made.release)
    tree = Tree({**FILES, b"new.py": b"new\n"}, executable=(b"bin/run",))
    bring(context, tree)
    trees.make(context, tree.args)
    assert looks == [str(place(root, made))]
    assert seals.is_sealed(root, context.journal, made.release) and len(looks) == 2, "whoever asks how it stands is told how it stands"


def test_a_file_that_lost_its_blob_is_named_though_a_standing_tree_has_it(context: Context, made: Tree, root: Root) -> None:
    """What a host says that it has, and what a tree is made of, are the same thing: the store."""
    serve(context, 1, made)
    tree = Tree({**FILES, b"new.py": b"new\n"}, executable=(b"bin/run",))
    bring(context, tree)
    os.unlink(blob_path(root, digest(FILES[b"app.py"])))
    error = refusal(context, tree)
    assert error.code == "lacking" and error.facts["blobs"] == [[digest(FILES[b"app.py"]), False]] * 2


def test_files_of_a_tree_whose_seal_is_broken_are_read(context: Context, made: Tree, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(context, 1, made)
    change(place(root, made), "bin/debug", "add")
    reads = Reads(monkeypatch)
    tree = Tree({**FILES, b"new.py": b"new\n"}, executable=(b"bin/run",))
    bring(context, tree)
    forget(context)
    trees.make(context, tree.args)
    assert len(reads.since()) == 5


@pytest.mark.parametrize(("path", "how", "what"), BY_HAND)
def test_whatever_is_changed_by_hand_breaks_the_seal(context: Context, root: Root, made: Tree, path: str, how: str, what: str) -> None:
    assert seals.is_sealed(root, context.journal, made.release)
    change(place(root, made), path, how)
    assert not seals.is_sealed(root, context.journal, made.release)
    if how == "write":
        with pytest.raises(AgentError, match="damaged"):
            trees.make(context, made.args)
        made.ship(context)
    assert trees.make(context, made.args)["reused"] is False
    assert trees.verify(context, {"release": made.release})["exact"]


def test_a_repair_leaves_no_moment_without_a_release(context: Context, root: Root, made: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    change(place(root, made), "bin/debug", "add")
    real, seen = os.rename, []

    def watched(*args: object, **more: object) -> None:
        seen.append(place(root, made, "app.py").exists())
        real(*args, **more)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(os, "rename", watched)
    trees.make(context, made.args)
    assert seen and all(seen)


def test_a_directory_whose_mode_was_changed_is_named(context: Context, root: Root, made: Tree) -> None:
    os.chmod(place(root, made, "lib"), 0o755)
    assert trees.verify(context, {"release": made.release})["differences"] == [{"path": "lib", "what": "mode"}]


def test_a_release_that_is_not_there_is_missing(context: Context, root: Root, made: Tree) -> None:
    root.remove(f"releases/{made.release}")
    assert trees.verify(context, {"release": made.release}) == {"exact": False, "differences": [{"path": "", "what": "missing"}]}


# ------------------------------------------------------------- kills and speed


def test_killed_in_the_middle_there_is_no_release_under_its_name(root: Root) -> None:
    tree = Tree({f"d{i}/f{i}".encode(): bytes([i]) * 500 for i in range(20)})
    with Journal(root) as journal:
        tree.ship(context_of(root, journal))
    died = 0
    for call, nth in (("link", 0), ("link", 10), ("mkdir", 7), ("fchmod", 5), ("fsync", 3), ("rename", 0)):
        pid = os.fork()
        if pid == 0:
            die_at(call, nth)
            with Journal(root) as journal:
                trees.make(context_of(root, journal), tree.args)
            os._exit(0)
        died += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
        assert trees.complete(root) == []
    assert died == 6
    with Journal(root) as journal:
        assert trees.make(context_of(root, journal), tree.args) == {"files": 20, "bytes": 10_000, "reused": False}
        assert trees.verify(context_of(root, journal), {"release": tree.release})["exact"]
    assert root.names("releases") == [tree.release], "the rest of the killed ones is swept"


def test_everything_is_synced_before_the_name_is_given(context: Context, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = sample()
    tree.ship(context)
    synced: set[int] = set()
    named: list[set[int]] = []
    fsync, rename = os.fsync, os.rename

    def watched_fsync(fd: int) -> None:
        fsync(fd)
        synced.add(os.fstat(fd).st_ino)

    def watched_rename(*args: object, **more: object) -> None:
        rename(*args, **more)  # type: ignore[arg-type]  # handed on as they came
        if place(root, tree).exists() and not named:
            named.append(set(synced))

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "rename", watched_rename)
    trees.make(context, tree.args)
    directories = {os.stat(path).st_ino for path in (place(root, tree), *place(root, tree).rglob("*")) if path.is_dir()}
    assert len(directories) == 5 and directories <= named[0]
    assert os.stat(f"{root.path}/releases").st_ino in synced, "and the name itself at the end"


def test_two_thousand_files_take_well_under_a_second(context: Context) -> None:
    """Measured in processor time, for the disk and the other core belong to others too."""
    tree = Tree({f"d{i % 40}/s{i % 7}/f{i}".encode(): str(i).encode() * 300 for i in range(2000)})
    tree.ship(context)
    began = time.process_time()
    assert trees.make(context, tree.args)["files"] == 2000
    assert time.process_time() - began < 1.0


names = st.binary(min_size=1, max_size=8).filter(lambda part: b"/" not in part and b"\0" not in part and part not in (b".", b".."))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.lists(names, min_size=1, max_size=3).map(b"/".join), st.binary(max_size=50), max_size=6), st.data())
def test_any_tree_is_made_exactly_or_refused(context: Context, files: dict[bytes, bytes], data: st.DataObject) -> None:
    clash = any(path.startswith(other + b"/") for path in files for other in files)
    tree = Tree(files, executable=tuple(data.draw(st.sets(st.sampled_from(sorted(files)))) if files else ()))
    tree.ship(context)
    if clash:
        assert refusal(context, tree).code == "manifest"
        return
    trees.make(context, tree.args)
    at = os.fsencode(place(context.root, tree))
    for path, content in files.items():
        with open(at + b"/" + path, "rb") as file:
            assert file.read() == content
    assert trees.verify(context, {"release": tree.release})["exact"]
