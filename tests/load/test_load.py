"""Nothing is lost: switches under clients that never repeat a request, on a real Caddy, with real processes. And what is lost is counted.

The mix holds keep-alive and new connections, requests of 5 s, uploads of 10 MB, streams and WebSockets, all in flight at any moment.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from load import Load, Outcome
from shipway_agent import front
from shipway_agent.apply import point
from shipway_agent.primitives import generations
from tests.agent.lodge import wait
from tests.agent.shop import Shop, shop

pytestmark = [pytest.mark.slow, pytest.mark.alone]

RENAMES = 100
RENAME_SECONDS = 8.0


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path / "shop") as one:
        one.open_door()
        yield one


def stand_side_by_side(one: Shop, listens: str, first: int, second: int) -> None:
    """Generation 1 serves, 2 may: both run, and whoever renames decides, for an armed switch keeps the daemon's hands off the link."""
    one.deploy(1, listens=listens, instances=first)
    one.make(2, listens=listens, instances=second)
    one.start(2)
    document = generations.read(one.root, 2)
    assert document is not None
    front.lay(one.root, 2, document)
    one.decide("arm", 2)


def rename_under_load(one: Shop, renames: int = RENAMES, seconds: float = RENAME_SECONDS) -> Outcome:
    load = Load(one.listen)
    load.start()
    try:
        wait(lambda: load.progress()["sent"] > 20)
        began = time.monotonic()
        for number in range(1, renames + 1):
            time.sleep(max(0.0, began + seconds * number / renames - time.monotonic()))
            point(one.root, 1 + number % 2)
    finally:
        outcome = load.stop()
    return outcome


def whole(root: Path, size: int = 200) -> Path:
    """A path below `root` of exactly `size` bytes, with spaces in it."""
    room = size - len(os.fsencode(root)) - 1
    return root / ("with spaces " * 20)[: room - 1].ljust(room, "x")


@pytest.mark.parametrize("listens", ["port", "socket"])
def test_a_hundred_renames_lose_nothing(door: Shop, listens: str) -> None:
    stand_side_by_side(door, listens, 3, 2)
    outcome = rename_under_load(door)
    print(outcome)
    assert outcome.failures == ()
    assert set(outcome.versions) == {"1", "2"}
    assert set(outcome.kinds) == {"keep-alive", "fresh", "slow", "upload", "stream", "websocket"}


@pytest.mark.parametrize("listens", ["port", "socket"])
def test_neither_does_a_root_of_200_bytes_with_spaces(tmp_path: Path, listens: str) -> None:
    home = whole(tmp_path)
    assert len(os.fsencode(home)) == 200
    with shop(home) as one:
        one.open_door()
        stand_side_by_side(one, listens, 2, 3)
        outcome = rename_under_load(one, 30, 3.0)
    assert outcome.failures == ()
    assert set(outcome.versions) == {"1", "2"}


def test_deployments_that_retire_what_they_replace_lose_nothing(door: Shop) -> None:
    """Whole ones: candidates start, the link is renamed, old processes are drained and ended."""
    door.deploy(1, instances=2, drain_seconds=20)
    load = Load(door.listen)
    load.start()
    try:
        for number in range(2, 5):
            door.deploy(number, instances=number, listens="socket" if number % 2 else "port", drain_seconds=20)
            assert wait(lambda: load.progress()["versions"].get(str(number)))  # noqa: B023  asked before the next turn
        wait(lambda: not [row for row in door.rows() if row.generation < 4])
    finally:
        outcome = load.stop()
    print(outcome)
    assert outcome.failures == ()
    assert list(outcome.versions) == ["1", "2", "3", "4"]


def test_a_request_that_is_lost_is_counted(door: Shop) -> None:
    """The proof above would be none if this were green: the only process is killed under its requests."""
    door.deploy(1)
    (row,) = door.wait_up(1)
    assert row.pid is not None
    load = Load(door.listen)
    load.start()
    try:
        wait(lambda: load.progress()["sent"] > 100)
        os.kill(row.pid, signal.SIGKILL)
        wait(lambda: load.progress()["failed"])
    finally:
        outcome = load.stop()
    print(outcome)
    assert outcome.failed == len(outcome.failures) > 0
    assert {failure.kind for failure in outcome.failures} & {"upload", "stream", "websocket"}
    assert all(failure.error and failure.address == door.listen for failure in outcome.failures)
