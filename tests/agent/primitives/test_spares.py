"""A spare tree of the release that serves: the next one is that tree and what differs, exact as any other."""

from __future__ import annotations

import errno
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.manifest import EXECUTABLE, LINK, OUTPUT, SHARED, Entry, digest
from shipway_agent.primitives import Context, filling, seals, spares, trees
from shipway_agent.primitives.prune import prune
from shipway_agent.primitives.seals import SPARE
from shipway_agent.pruning import CALM_SECONDS, later
from shipway_agent.root import Root
from shipway_agent.states import SWITCHED
from tests.agent.lodge import SITE, Lodge, lodge, process, wait
from tests.agent.primitives.conftest import Tree, blob_path, context_of
from tests.agent.primitives.test_blobs import die_at
from tests.agent.primitives.test_prune import deploy
from tests.agent.primitives.test_trees import BY_HAND, FILES, Reads, bring, change, forget, overwrite

OTHERS = (Entry(LINK, b"now", target=b"lib/deep"), Entry(SHARED, b"media"), Entry(OUTPUT, b"web/built"))
NEXT = {**FILES, b"app.py": b"print(2)\n", b"lib/new/one": b"1"}


def tree_of(files: dict[bytes, bytes]) -> Tree:
    return Tree(files, *OTHERS, executable=(b"bin/run",))


def place(root: Root, tree: Tree, path: str = "") -> Path:
    return Path(root.path, "releases", tree.release, path)


def spare(root: Root, tree: Tree) -> Path:
    return Path(root.path, "releases", f"spare-{tree.release}")


def laid(root: Root) -> list[str]:
    """The releases of which there is a spare tree."""
    return [name.removeprefix("spare-") for name in root.names("releases") if name.startswith("spare-")]


@pytest.fixture
def live(context: Context) -> Tree:
    """A release that serves, and a spare tree of it."""
    tree = serve(context, 1, tree_of(FILES))
    assert spares.lay(context.root, context.journal)
    return tree


def serve(context: Context, number: int, tree: Tree) -> Tree:
    """A whole deployment of it."""
    return deploy(context, number, tree=tree)


def make(context: Context, tree: Tree) -> None:
    """Make a release of what lacks and is brought, and prove it."""
    bring(context, tree)
    assert trees.make(context, tree.args)["reused"] is False
    assert trees.verify(context, {"release": tree.release}) == {"exact": True, "differences": []}
    assert seals.is_sealed(context.root, context.journal, tree.release)


def test_the_next_release_is_the_spare_tree_and_what_differs(
    context: Context, root: Root, live: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = os.stat(spare(root, live) / "lib/deep/er").st_ino
    tree = tree_of(NEXT)
    bring(context, tree)
    forget(context)
    reads = Reads(monkeypatch)
    assert trees.make(context, tree.args) == {"files": 5, "bytes": 29, "reused": False}
    assert reads.since() == sorted([digest(b"print(2)\n"), digest(b"1")])
    assert os.stat(place(root, tree, "lib/deep/er")).st_ino == kept
    assert trees.verify(context, {"release": tree.release})["exact"] and seals.is_sealed(root, context.journal, tree.release)
    assert os.readlink(place(root, tree, "web/built")).endswith(f"outputs/{tree.release}/web/built"), "an output is its release's own"
    assert laid(root) == [] and trees.verify(context, {"release": live.release})["exact"]


def test_that_it_left_its_name_is_on_disk_before_it_gets_another(
    context: Context, root: Root, live: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may keep the second of two renames and lose the first: then one directory would stand under two names."""
    done: list[str] = []
    tree = tree_of(NEXT)
    releases = os.stat(f"{root.path}/releases").st_ino
    rename, fsync = os.rename, os.fsync

    def watched_rename(source: Any, target: Any, **more: Any) -> None:
        rename(source, target, **more)
        done.extend(name for name in ("spare", tree.release) if name in (str(source).partition("-")[0], str(target)))

    def watched_fsync(fd: int) -> None:
        fsync(fd)
        done.extend(["synced"] if os.fstat(fd).st_ino == releases else [])

    bring(context, tree)
    monkeypatch.setattr(os, "rename", watched_rename)
    monkeypatch.setattr(os, "fsync", watched_fsync)
    trees.make(context, tree.args)
    moves = done[done.index("spare") :]
    assert moves[: moves.index(tree.release)] == ["spare", "synced"]


def test_behind_a_deployment_there_is_one_of_what_serves_then(context: Context, root: Root, live: Tree) -> None:
    tree = serve(context, 2, tree_of(NEXT))
    assert laid(root) == []
    assert spares.lay(root, context.journal) and laid(root) == [tree.release]
    assert not spares.lay(root, context.journal), "one is enough"
    make(context, tree_of({**NEXT, b"app.py": b"print(3)\n"}))
    assert laid(root) == []


def test_a_supervisor_lays_it_once_nobody_drives_the_host(tmp_path: Path) -> None:
    with lodge(tmp_path / "root") as home:
        home.ensure()
        make_generation(home, 1, trees_of_site[0])
        home.serve(1)
        assert later(home.context(1), {"keep": 1}) == {"later": True}
        wait(lambda: lies(home, trees_of_site[0]))


@pytest.mark.parametrize("ending", ["undo", "discarded"])
def test_what_an_undone_deployment_used_up_a_supervisor_lays_again(tmp_path: Path, ending: str) -> None:
    """Of the release that serves: what the deployment made of the one that lay there is another release, whatever became of that."""
    first, second = trees_of_site
    with lodge(tmp_path / "root") as home:
        home.ensure()
        make_generation(home, 1, first)
        home.serve(1)
        wait(lambda: lies(home, first))
        used = os.stat(spare(home.root, first)).st_ino
        home.lease(2, seconds=60.0 if ending == "undo" else 0.5)
        make_generation(home, 2, second)
        assert os.stat(place(home.root, second)).st_ino == used and laid(home.root) == []
        if ending == "undo":
            home.switch(2)
            home.decide("undo", 2)
            time.sleep(CALM_SECONDS + 1.0)
            assert laid(home.root) == [], "the driver still has the host"
            home.decide("finish", 2)
        wait(lambda: lies(home, first))
        assert os.stat(spare(home.root, first)).st_ino != used
        assert trees.verify(home.context(2), {"release": first.release})["exact"]
        make(home.context(3), Tree({**first.files, b"three": b"3"}))


def test_before_the_decision_none_is_laid(tmp_path: Path) -> None:
    """A driver that died behind the switch: what is current here may be what the fleet takes back."""
    first, second = trees_of_site
    with lodge(tmp_path / "root") as home:
        home.ensure()
        make_generation(home, 1, first)
        home.serve(1)
        wait(lambda: lies(home, first))
        home.lease(2)
        make_generation(home, 2, second)
        home.switch(2, seconds=0.5, confirm_seconds=CALM_SECONDS + 3.0)
        time.sleep(CALM_SECONDS + 1.0)
        assert home.journal.member().attempts[-1].stage == SWITCHED and laid(home.root) == []
        wait(lambda: lies(home, first), what="its deadline takes it back")


trees_of_site = Tree({b"site.py": SITE.read_bytes()}), Tree({b"site.py": SITE.read_bytes(), b"two": b"2"})


def make_generation(home: Lodge, number: int, tree: Tree) -> None:
    """Generation `number` of a release that is made now."""
    tree.ship(home.context(number))
    trees.make(home.context(number), tree.args)
    home.release = lambda version: tree.release  # type: ignore[method-assign]  # one that was made, not made up
    home.generation(number, process("worker", listens=None, steady_seconds=0.0))


def lies(home: Lodge, tree: Tree) -> bool:
    """Whether a whole spare tree of it lies there, to be taken."""
    return spare(home.root, tree).is_dir() and (home.journal.meta(SPARE) or "").startswith(tree.release)


def test_behind_a_rollback_the_one_of_what_it_left_stays(context: Context, root: Root, live: Tree) -> None:
    """What comes next is a mended one of those. Where a deployment used none, for its release stood, that is laid instead."""
    prune(context, {"keep": 3})
    other = tree_of(NEXT)
    deploy(context, 2, tree=other, kind="deploy")
    assert spares.lay(root, context.journal) and laid(root) == [other.release]
    deploy(context, 3, tree=live, kind="rollback")
    assert not spares.lay(root, context.journal) and laid(root) == [other.release]
    deploy(context, 4, tree=live, kind="deploy")
    assert spares.lay(root, context.journal) and laid(root) == [live.release]


def test_a_release_that_has_little_of_it_leaves_it_where_it_is(context: Context, root: Root, live: Tree) -> None:
    other = serve(context, 2, Tree({b"app.py": FILES[b"app.py"], b"one": b"1", b"two": b"2"}))
    assert laid(root) == [live.release] and trees.verify(context, {"release": other.release})["exact"]
    assert spares.lay(root, context.journal) and laid(root) == [other.release], "and the next one is laid in its place"


def test_a_release_that_shrinks_is_linked(context: Context, root: Root, live: Tree) -> None:
    """To take away what is there takes longer than to link the little that is wanted."""
    kept = os.stat(spare(root, live)).st_ino
    make(context, Tree({b"app.py": FILES[b"app.py"]}))
    assert os.stat(spare(root, live)).st_ino == kept


@pytest.mark.parametrize(("path", "how", "what"), [*BY_HAND, ("lib/deep/er/x", "remove", "missing"), ("lib/more", "add", "extra")])
def test_one_that_somebody_wrote_to_is_not_used(context: Context, root: Root, live: Tree, path: str, how: str, what: str) -> None:
    change(spare(root, live), path, how)
    if how == "write":  # into a file that every release has: it is read, and brought anew
        bring(context, tree_of(NEXT))
        with pytest.raises(AgentError, match="damaged"):
            trees.make(context, tree_of(NEXT).args)
    make(context, tree_of(NEXT))
    assert context.journal.meta(SPARE) == "", "it stays until the next pruning"
    prune(context, {"keep": 2})
    assert laid(root) == [] and trees.complete(root) == [live.release]


def test_what_only_reading_finds_is_not_carried_on(context: Context, root: Root, live: Tree) -> None:
    """A bit that the disk lost in a file that the spare tree has too: once somebody has read it, the spare tree counts no more."""
    overwrite(blob_path(root, digest(FILES[b"app.py"])), b"print(7)\n")
    other = Tree({b"again.py": FILES[b"app.py"], b"one": b"1", b"two": b"2", b"three": b"3", b"four": b"4"})
    bring(context, other)
    forget(context)
    with pytest.raises(AgentError, match="damaged"):
        trees.make(context, other.args)
    assert laid(root) == [live.release]
    make(context, other)
    make(context, tree_of({**FILES, b"new.py": b"new"}))


def test_none_is_laid_of_a_release_that_somebody_wrote_to(context: Context, root: Root) -> None:
    change(place(root, serve(context, 1, tree_of(FILES))), "bin/debug", "add")
    assert not spares.lay(root, context.journal) and laid(root) == []


def test_none_is_laid_of_a_very_large_release_nor_before_the_first(context: Context, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not spares.lay(root, context.journal)
    serve(context, 1, tree_of(FILES))
    monkeypatch.setattr(spares, "MOST_MANIFEST_BYTES", 300)
    assert not spares.lay(root, context.journal) and laid(root) == []


def test_none_is_laid_where_a_file_cannot_have_two_names(context: Context, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a release is a copy of its blobs, and a spare tree would be another."""

    def refuses(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuses)
        serve(context, 1, tree_of(FILES))
    assert not spares.lay(root, context.journal) and laid(root) == []


def test_it_goes_with_its_release_and_keeps_no_blob(context: Context, root: Root, live: Tree) -> None:
    prune(context, {"keep": 2})
    assert laid(root) == [live.release], "its release is still here"
    for number in (2, 3, 4):
        serve(context, number, Tree({b"other.py": b"%d" % number}))
    prune(context, {"keep": 2})
    assert laid(root) == [] and not os.path.exists(blob_path(root, digest(FILES[b"bin/run"]), executable=True))


def test_killed_while_it_is_laid_the_next_one_is_whole(root: Root) -> None:
    with Journal(root) as journal:
        journal.name_member("a")
        live = serve(context_of(root, journal), 1, tree_of(FILES))
    died = 0
    for call, nth in (("mkdir", 1), ("link", 2), ("symlink", 0), ("fsync", 2), ("rename", 0)):
        died += killed(root, call, nth, lambda context: spares.lay(context.root, context.journal))
    assert died == 5
    with Journal(root) as journal:
        assert spares.lay(root, journal) and laid(root) == [live.release]
        make(context_of(root, journal), tree_of(NEXT))


USED = [("rename", 0), ("rename", 1), ("fchmod", 0), ("fchmod", 2), ("fsync", 0), ("fsync", 1), ("unlink", 0), ("link", 0), ("mkdir", 0)]


@pytest.mark.parametrize(("call", "nth"), USED)
def test_killed_while_it_is_used_there_is_no_release_under_its_name(root: Root, call: str, nth: int) -> None:
    tree = tree_of(NEXT)
    with Journal(root) as journal:
        journal.name_member("a")
        context = context_of(root, journal)
        live = serve(context, 1, tree_of(FILES))
        spares.lay(root, journal)
        bring(context, tree)
    assert killed(root, call, nth, lambda context: trees.make(context, tree.args))
    assert trees.complete(root) == [live.release]
    with Journal(root) as journal:
        make(context_of(root, journal), tree)
    assert not any(name.startswith(".") for name in root.names("releases")), "the rest of the killed one is swept"


def killed(root: Root, call: str, nth: int, work: object) -> bool:
    """Whether a process that does this died at that call."""
    pid = os.fork()
    if pid == 0:
        try:
            die_at(call, nth)
            with Journal(root) as journal:
                work(context_of(root, journal))  # type: ignore[operator]  # a function of a context
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


def test_two_at_once_make_two_exact_releases(context: Context, root: Root, live: Tree) -> None:
    """Of two sessions one gets it; who does not links."""
    with root.at("releases") as releases, releases.taken(f"spare-{live.release}", lambda tree: True) as first:
        assert first is not None and laid(root) == []
        make(context, tree_of(NEXT))
        assert Path(root.path, "releases", first.name, "app.py").read_bytes() == FILES[b"app.py"], "nobody swept it"
    assert root.names("releases") == sorted([live.release, tree_of(NEXT).release])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a directory to another user")
def test_one_that_cannot_be_looked_at_stays_and_the_release_is_linked(context: Context, root: Root, live: Tree) -> None:
    """Whatever lies in it that is not ours must not stand in the way of a deployment."""
    os.chmod(spare(root, live), 0o755)
    (spare(root, live) / "theirs").mkdir()
    os.chown(spare(root, live) / "theirs", 12345, 12345)
    make(context, tree_of(NEXT))
    assert laid(root) == [live.release]


def test_who_finds_a_damaged_file_while_one_is_laid_is_heard(context: Context, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(context, 1, tree_of(FILES))
    fill = filling.fill

    def filled_and_broken(*args: Any) -> Any:
        made = fill(*args)
        seals.break_all(root, context.journal)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(filling, "fill", filled_and_broken)
        spares.lay(root, context.journal)
    assert context.journal.meta(SPARE) is None


def test_a_damaged_blob_that_is_found_while_one_is_laid_breaks_all_seals(context: Context, root: Root) -> None:
    tree = serve(context, 1, tree_of(FILES))
    blob = blob_path(root, digest(FILES[b"app.py"]))
    os.unlink(blob)
    Path(blob).write_bytes(b"print(7)\n")
    with pytest.raises(AgentError, match="damaged"):
        spares.lay(root, context.journal)
    assert laid(root) == [] and not seals.is_sealed(root, context.journal, tree.release)


def test_a_damaged_blob_that_is_replaced_is_not_carried_on(context: Context, root: Root, live: Tree) -> None:
    """What arrives in its place is one file more: the damaged one is still in every tree."""
    overwrite(blob_path(root, digest(FILES[b"app.py"])), b"print(7)\n")
    live.ship(context)
    make(context, tree_of({**FILES, b"new.py": b"new"}))


parts = st.sampled_from([b"a", b"b", b"c", b"\xff"])
paths = st.lists(parts, min_size=1, max_size=3).map(b"/".join)
kinds = st.sampled_from(["file", "file", EXECUTABLE, LINK, OUTPUT])
contents = st.dictionaries(paths, st.tuples(st.sampled_from([b"", b"1", b"2"]), kinds), max_size=7)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(contents, contents, st.randoms(use_true_random=False))
def test_of_any_tree_any_other_is_made_exactly(
    tmp_path: Path, before: dict[bytes, tuple[bytes, str]], other: dict[bytes, tuple[bytes, str]], drawn: random.Random
) -> None:
    after = {**{path: what for path, what in before.items() if drawn.random() < 0.7}, **other}
    assume(not any(path.startswith(above + b"/") for files in (before, after) for path in files for above in files))
    with Root(tempfile.mkdtemp(dir=tmp_path)) as root, Journal(root) as journal, pytest.MonkeyPatch.context() as patch:
        patch.setattr(spares, "WORTH", 1000)
        journal.name_member("a")
        context = context_of(root, journal)
        serve(context, 1, drawn_tree(before))
        spares.lay(root, journal)
        tree = drawn_tree(after)
        if tree.release != drawn_tree(before).release:
            make(context, tree)


def drawn_tree(files: dict[bytes, tuple[bytes, str]]) -> Tree:
    links = [Entry(kind, path, target=b"x" * (kind == LINK)) for path, (_, kind) in files.items() if kind in (LINK, OUTPUT)]
    whole = {path: content for path, (content, kind) in files.items() if kind not in (LINK, OUTPUT)}
    return Tree(whole, *links, executable=tuple(path for path in whole if files[path][1] == EXECUTABLE))
