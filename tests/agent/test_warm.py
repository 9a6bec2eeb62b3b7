"""What a commit leaves behind and keeps warm, with real processes: handed to a rollback, given back by its undo, ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shipway_agent.primitives import generations, processes, prove, prune
from tests.agent.lodge import Lodge, lodge, process, wait

Place = tuple[int | None, str | None]
"""A process and its address."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lodge]:
    """Serves generation 2; generation 1, two copies at ports and a worker, is warm for a minute."""
    with lodge(tmp_path / "r") as one:
        one.ensure()
        for number in (1, 2):
            one.generation(number, process(instances=2), process("worker", None))
        one.serve(1)
        one.switch(2, keep_warm_seconds=60.0)
        one.decide("commit", 2)
        one.decide("finish", 2)
        yield one


def places(home: Lodge, generation: int) -> list[Place]:
    return [(row.pid, row.address) for row in home.rows(generation) if row.address is not None]


def copy_of_1(home: Lodge, number: int = 3) -> None:
    """A rollback to generation 1 as its prepare leaves it."""
    generations.copy(home.context(number), {"number": number, "source": 1, "document": {"kind": "rollback", "source": 1}})
    home.lease(number, keep_warm_seconds=60.0)
    home.decide("vote", number)


def back_to_1(home: Lodge, number: int = 3) -> dict[str, list[str]]:
    """On to where its candidates are healthy: what they answer at."""
    home.decide("start", number)
    addresses: dict[str, list[str]] = processes.start(home.context(number), {"generation": number})["addresses"]
    home.decide("ready", number)
    return addresses


def switch_to(home: Lodge, number: int) -> None:
    home.decide("arm", number)
    home.root.link("current", generations.place(number))
    home.decide("switched", number)


def test_a_rollback_takes_over_what_is_warm_and_starts_nothing(home: Lodge) -> None:
    wait(lambda: home.row(1, "worker") is None, what="workers end with the commit")
    before = places(home, 1)
    assert [(row.state, row.wanted) for row in home.rows(1)] == [("up", True)] * 2, "listeners stay"
    prune.prune(home.context(2), {"keep": 1})
    assert generations.numbers(home.root) == [1, 2], "with all that they need"
    copy_of_1(home)
    addresses = back_to_1(home)
    assert places(home, 3) == before and places(home, 1) == [], "same processes, same addresses, another number"
    assert addresses == {"web": [address for _, address in before]}
    assert [generations.read_slots(home.root, 3)[f"web.{i}"] for i in range(1, 13)] == addresses["web"] * 6
    switch_to(home, 3)
    processes.settled(home.context(3), {"generation": 3})
    probes_made = prove.prove(home.context(3), {"watch_seconds": 0.3, "pages": [], "front": None})["probes"]
    assert [probe["what"] for probe in probes_made][:2] == ["web.1 owns its address", "web.2 owns its address"]
    home.decide("commit", 3)
    wait(lambda: home.row(2, "worker") is None)
    assert {row.state for row in home.rows(2)} == {"up"}, "and what it left is warm now"
    assert places(home, 3) == before
    log = Path(home.root.path, "logs", f"web.1.{3:06}.log")
    assert log.exists() and not log.with_name(f"web.1.{1:06}.log").exists(), "its log goes on under the number that people ask for"


def test_undone_they_are_warm_again_and_the_next_rollback_finds_them(home: Lodge) -> None:
    before = places(home, 1)
    copy_of_1(home)
    back_to_1(home)
    switch_to(home, 3)
    home.decide("undo", 3)
    wait(lambda: places(home, 1) == before and not home.rows(3))
    home.decide("finish", 3)
    copy_of_1(home, 4)
    back_to_1(home, 4)
    assert places(home, 4) == before
    home.decide("renew", 4, seconds=0.0)
    wait(lambda: places(home, 1) == before and not home.rows(4), what="a lease that runs out undoes it as well")


def test_a_daemon_that_is_killed_finds_them_by_the_marker_they_were_born_with(home: Lodge) -> None:
    before = places(home, 1)
    copy_of_1(home)
    lose_the_daemon(home)
    back_to_1(home)
    assert places(home, 3) == before
    lose_the_daemon(home)
    wait(lambda: places(home, 3) == before, what=f"{before} are found again: {home.rows()}")
    assert {pid for pid, _ in before} <= set(home.living())


def test_a_warm_copy_that_dies_is_not_started_again_and_all_of_them_end_in_time(home: Lodge) -> None:
    (first, _), second = places(home, 1)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait(lambda: places(home, 1) == [second])
    copy_of_1(home)
    back_to_1(home)
    new, old = places(home, 3)
    assert old == second and new[0] != first, "the rollback starts what is missing"
    switch_to(home, 3)
    home.decide("undo", 3)
    home.decide("finish", 3)
    home.generation(4, process())
    home.switch(4, keep_warm_seconds=0.2)
    home.decide("commit", 4)
    wait(lambda: {row.generation for row in home.rows()} == {4}, what="1 ended with the commit of 4, and 2 after its own 0.2 s")
    assert set(home.living()) == {pid for pid, _ in places(home, 4)}


def lose_the_daemon(home: Lodge) -> None:
    """Kill it between the start of its listeners and the rows' second write, which names the pids; and start another."""
    home.kill_daemon()
    for row in home.rows():
        if row.address is not None:
            home.journal.put_process(replace(row, pid=None, pid_start=None, boot=None))
    home.ensure()
