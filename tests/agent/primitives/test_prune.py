"""What nothing needs any more goes; what serves, what a rollback goes to, what is open or still drains stays."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent.decide import Attempt, Member
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal, ProcessRow
from shipway_agent.manifest import OUTPUT, SHARED, Entry
from shipway_agent.primitives import Context, generations, member, trees
from shipway_agent.primitives.prune import fulfil, keeps, prepared, prune, rollback_target
from shipway_agent.pruning import CALM_SECONDS, WISH, Pruning, later
from shipway_agent.root import Root
from shipway_agent.states import COMMITTED, DISCARDED, LEASED, REVERTED, SWITCHED
from tests.agent.lodge import lodge, process, wait
from tests.agent.primitives.conftest import Tree, context_of
from tests.agent.primitives.test_blobs import die_at

NOW = 100.0


def say(context: Context, do: str, number: int, **more: Any) -> None:
    assert context.journal.decide({"do": do, "deployment": f"d{number}", "fence": number, **more}, NOW)["ok"]


def deploy(
    context: Context, number: int, *, ending: str = "commit", files: dict[bytes, bytes] | None = None, tree: Tree | None = None, **more: Any
) -> Tree:
    """A whole deployment, of a release of its own unless `tree` is one."""
    tree = tree or Tree({b"app.py": b"%d" % number, b"same": b"s", **(files or {})}, Entry(SHARED, b"media"), Entry(OUTPUT, b"built"))
    document = {"release": tree.release}
    lease = {"owner": "x", "seconds": 30.0, "lead": "a", "members": ["a"], "confirm_seconds": 60.0, "document": document}
    say(context, "lease", number, **lease)
    tree.ship(context)
    trees.make(context, tree.args)
    generation = {"release": tree.release, "processes": [], "shared": ["media"], **more}
    generations.make(context, {"number": number, "document": generation, "env": {}})
    steps = {"prepared": [], "open": ["vote", "start", "ready", "arm", "switched"]}.get(
        ending, ["vote", "start", "ready", "arm", "switched", ending]
    )
    for do in steps:
        say(context, do, number)
    if ending != "open":
        say(context, "finish", number)
    return tree


def test_the_newest_good_ones_are_kept_and_the_rest_goes_with_all_that_was_theirs(context: Context, root: Root) -> None:
    shipped = {number: deploy(context, number, ending="undo" if number == 4 else "commit") for number in range(1, 7)}
    answer = prune(context, {"keep": 2})
    assert generations.numbers(root) == [5, 6]
    assert trees.complete(root) == sorted(shipped[number].release for number in (5, 6))
    assert root.names("outputs") == trees.complete(root)
    assert f"releases/{shipped[1].release}" in answer["removed"] and "generations/000004" in answer["removed"]
    assert answer["blobs"] == 8 and answer["bytes"] > 0, "a file of its own and a manifest, of four releases"
    for number in (5, 6):
        assert trees.verify(context, {"release": shipped[number].release})["exact"]
    assert Path(root.path, "shared/media").is_dir()
    assert prune(context, {"keep": 2}) == {"removed": [], "blobs": 0, "bytes": 0}


def test_one_that_was_undone_does_not_count(context: Context, root: Root) -> None:
    for number in range(1, 6):
        deploy(context, number, ending="commit" if number < 3 else "undo")
    prune(context, {"keep": 2})
    assert generations.numbers(root) == [1, 2]


def test_what_a_rollback_goes_to_stays_however_few_are_kept(context: Context, root: Root) -> None:
    for number in (1, 2, 3):
        deploy(context, number)
    prune(context, {"keep": 0})
    assert generations.numbers(root) == [2, 3]


def test_what_still_drains_stays(context: Context, root: Root) -> None:
    for number in (1, 2, 3, 4):
        deploy(context, number)
    context.journal.put_process(ProcessRow(1, "worker", 1, "t", "draining", pid=1))
    context.journal.put_process(ProcessRow(2, "worker", 1, "t", "gone"))
    prune(context, {"keep": 1})
    assert generations.numbers(root) == [1, 3, 4]
    context.journal.delete_process(1, "worker", 1)
    prune(context, {"keep": 1})
    assert generations.numbers(root) == [3, 4]


def test_an_open_deployment_keeps_where_it_came_from_and_where_it_goes(context: Context, root: Root) -> None:
    for number in (1, 2, 3):
        deploy(context, number)
    deploy(context, 4, ending="open")
    prune(context, {"keep": 1})
    assert generations.numbers(root) == [3, 4]


def test_what_was_only_prepared_keeps_its_release_for_the_deployment_to_come(context: Context, root: Root) -> None:
    deploy(context, 1)
    tree = deploy(context, 2, ending="prepared")
    deploy(context, 3)
    prune(context, {"keep": 5})
    assert generations.numbers(root) == [1, 3] and tree.release in trees.complete(root)
    assert trees.make(context, tree.args)["reused"]
    for number in range(4, 10):
        deploy(context, number)
    prune(context, {"keep": 5})
    assert tree.release not in trees.complete(root), "but not for ever"


def test_killed_in_the_middle_nothing_half_stands_under_its_name(root: Root, context: Context) -> None:
    shipped = {number: deploy(context, number, files={b"d/%d" % i: b"%d" % i for i in range(9)}) for number in range(1, 5)}
    died = 0
    for call, nth in (("unlink", 0), ("unlink", 5), ("rmdir", 0), ("rename", 1), ("rmdir", 1), ("unlink", 3)):
        pid = os.fork()
        if pid == 0:
            die_at(call, nth)
            with Journal(root) as journal:
                prune(context_of(root, journal), {"keep": 1})
            os._exit(0)
        died += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
        for release in trees.complete(root):
            assert trees.verify(context, {"release": release})["exact"]
        for number, document in generations.documents(root).items():
            assert document["release"] in trees.complete(root), number
    assert died >= 4
    prune(context, {"keep": 1})
    assert trees.complete(root) == sorted(shipped[number].release for number in (3, 4))
    assert all(not name.startswith(".") for folder in ("generations", "releases", "blobs", "outputs") for name in root.names(folder))


def test_repairs_do_not_push_out_what_a_rollback_goes_to(context: Context, root: Root) -> None:
    for number in (1, 2):
        deploy(context, number)
    for number in range(3, 7):
        deploy(context, number, same_as=[number - 1])
        prune(context, {"keep": 2})
    assert generations.numbers(root) == [1, 5, 6], "2 to 6 are one content; before it was 1"


# ------------------------------------------------------------------------ pure


def attempt(number: int, stage: str, base: int | None = None, **more: Any) -> Attempt:
    return Attempt(f"d{number}", number, stage, "a", ("a",), 60.0, base=base, **more)


@pytest.mark.parametrize(
    ("attempts", "current", "good", "target"),
    [
        ([], None, [], None),
        ([attempt(1, COMMITTED)], 1, [1], None),
        ([attempt(1, COMMITTED), attempt(2, COMMITTED, 1)], 2, [2, 1], 1),
        ([attempt(1, COMMITTED), attempt(2, COMMITTED, 1), attempt(3, REVERTED, 2)], 2, [2, 1], 1),
        ([], 9, [9, 7, 3], 7),
    ],
)
def test_a_rollback_goes_to_what_was_current_before_the_last_committed_switch(
    attempts: list[Attempt], current: int | None, good: list[int], target: int | None
) -> None:
    assert rollback_target(Member("a", current=current, attempts=tuple(attempts)), good) == target


stages = st.sampled_from([LEASED, SWITCHED, COMMITTED, REVERTED, DISCARDED])


@given(
    st.lists(st.tuples(stages, st.none() | st.integers(1, 9)), max_size=9), st.sets(st.integers(1, 9)), st.integers(0, 5), st.integers(1, 9)
)
def test_what_serves_and_what_is_open_is_never_among_what_goes(
    some: list[tuple[str, int | None]], good: set[int], keep: int, current: int
) -> None:
    attempts = tuple(attempt(number, stage, base) for number, (stage, base) in enumerate(some, 1))
    member = Member("a", current=current, attempts=attempts)
    kept = keeps(member, sorted(good, reverse=True), keep)
    assert current in kept and set(sorted(good, reverse=True)[:keep]) <= kept
    for one in attempts:
        if one.stage in (LEASED, SWITCHED):
            assert one.target in kept and (one.base is None or one.base in kept)


def test_only_the_newest_attempts_hold_on_to_a_release_they_only_prepared() -> None:
    documents = [("p1", DISCARDED), ("p2", DISCARDED), ("r", REVERTED), ("c", COMMITTED)]
    attempts = tuple(attempt(n, stage, document={"release": name}) for n, (name, stage) in enumerate(documents, 1))
    member = Member("a", attempts=attempts)
    assert [prepared(member, keep) for keep in (0, 3, 9)] == [frozenset(), {"p2"}, {"p1", "p2"}]


# -------------------------------------------------------------- behind the verdict


def ask_for_a_lease(context: Context, number: int) -> None:
    """As a driver's `decide` does it, at this very moment."""
    message = {"do": "lease", "deployment": f"d{number}", "fence": number, "owner": "x", "seconds": 30.0, "lead": "a", "members": ["a"]}
    reply = member.decide(context.root, context.journal, {**message, "confirm_seconds": 60.0, "document": {}})
    assert reply["ok"]


def deploy_four(context: Context) -> None:
    for number in range(1, 5):
        deploy(context, number)


def test_without_a_supervisor_the_step_does_it_itself(context: Context, root: Root) -> None:
    deploy_four(context)
    assert later(context, {"keep": 2})["removed"]
    assert generations.numbers(root) == [3, 4] and not fulfil(root, context.journal)


def test_with_one_it_is_left_and_whoever_leases_the_host_finds_it_done(context: Context, root: Root) -> None:
    deploy_four(context)
    with root.at("run", create=True, mode=0o700):
        lock = root.supervisor_lock()  # somebody supervises, and is slow
    try:
        assert later(context, {"keep": 2}) == {"later": True}
        assert generations.numbers(root) == [1, 2, 3, 4], "no verdict waits for it"
        ask_for_a_lease(context, 5)
        assert generations.numbers(root) == [3, 4] and context.journal.meta(WISH) is None
    finally:
        lock.release()


def test_a_lease_waits_for_who_is_at_it(context: Context, root: Root) -> None:
    """What a driver reads behind its lease is what stays."""
    deploy_four(context)
    context.journal.set_meta(WISH, "2")
    begun, read = threading.Event(), []

    def remove() -> None:
        with Journal(root) as journal, root.prune_lock():
            begun.set()
            until = time.monotonic() + 30
            while journal.member().lease is None and time.monotonic() < until:
                time.sleep(0.01)
            prune(context_of(root, journal), {"keep": 2})
            journal.set_meta(WISH, None)
            read.append(generations.numbers(root))

    thread = threading.Thread(target=remove)
    thread.start()
    assert begun.wait(30)
    ask_for_a_lease(context, 5)
    assert read == [[3, 4]] and generations.numbers(root) == [3, 4]
    thread.join()


def test_killed_in_the_middle_the_wish_stays(root: Root) -> None:
    with Journal(root) as journal:
        journal.name_member("a")
        deploy_four(context_of(root, journal))
        journal.set_meta(WISH, "2")
    pid = os.fork()
    if pid == 0:
        die_at("rmdir", 3)
        with Journal(root) as journal:
            fulfil(root, journal)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    with Journal(root) as journal:
        assert fulfil(root, journal) and not fulfil(root, journal)
        assert generations.numbers(root) == [3, 4] and len(trees.complete(root)) == 2


def test_what_cannot_be_removed_refuses_no_lease(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy_four(context)
    context.journal.set_meta(WISH, "2")

    def remove(*_: object) -> bool:
        raise AgentError("denied", "no")

    monkeypatch.setattr(Root, "remove", remove)
    ask_for_a_lease(context, 5)
    assert context.journal.meta(WISH) == "2", "it is tried again"


def test_nobody_is_in_its_way_who_says_his_last_words(root: Root) -> None:
    with Journal(root) as journal:
        journal.name_member("a")
        context = context_of(root, journal)
        deploy_four(context)
        journal.set_meta(WISH, "2")
        ask_for_a_lease(context, 5)
        journal.set_meta(WISH, "1")
        pruning, driven = Pruning(root, print), journal.member()
        say(context, "finish", 5)
        pruning.turn(driven, NOW, 0.0)
        pruning.turn(driven, NOW, 10.0)
        pruning.turn(journal.member(), NOW, 10.0 + CALM_SECONDS - 0.1)
        assert not any(thread.name == "prune" for thread in threading.enumerate()) and journal.meta(WISH) == "1"
        pruning.turn(journal.member(), NOW, 10.0 + CALM_SECONDS)
        wait(lambda: journal.meta(WISH) is None)


def test_a_supervisor_does_it_when_nobody_drives_the_host(tmp_path: Path) -> None:
    with lodge(tmp_path / "root") as home:
        for number in range(1, 5):
            home.generation(number, process("worker", listens=None, steady_seconds=0.0))
        home.ensure()
        for number in range(1, 5):
            home.serve(number)
        home.lease(5)
        assert later(home.context(4), {"keep": 1}) == {"later": True}
        home.pid()  # answered behind a turn
        assert generations.numbers(home.root) == [1, 2, 3, 4], "somebody drives this host and has read what is here"
        home.decide("finish", 5)
        wait(lambda: generations.numbers(home.root) == [3, 4] and home.journal.meta(WISH) is None)
