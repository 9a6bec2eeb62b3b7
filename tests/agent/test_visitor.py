"""Downtime is measured, not assumed: the gap between two good answers, from right before a switch until the decision was followed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shipway_agent import probes, visitor
from shipway_agent.errors import AgentError
from shipway_agent.root import Root
from shipway_agent.visitor import Visitor
from tests.agent.lodge import SITE, wait
from tests.agent.shop import Shop, free_port, shop

PAGE = {"path": "/up"}
TOLERANCE_SECONDS = 0.4
"""Two visitors at one door on a busy machine; each asks a request at a time."""


@contextmanager
def site(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The small site at `port`, up."""
    process = subprocess.Popen([sys.executable, SITE], env={**os.environ, "PORT": str(port)}, stdout=subprocess.DEVNULL)
    try:
        wait(lambda: probes.accepts(f"127.0.0.1:{port}"))
        yield process
    finally:
        process.kill()
        process.wait()


class Witness:
    """The same measure by other means: asks as fast as it can, from outside the agent's code path under test."""

    def __init__(self, port: int, path: str) -> None:
        self.gap_seconds = 0.0
        self._port, self._path = port, path
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def end(self) -> float:
        self._over.set()
        self._thread.join()
        return self.gap_seconds

    def _ask(self) -> None:
        good_at, failing = time.monotonic(), False
        while not self._over.wait(0.01):
            good = probes.ask(f"127.0.0.1:{self._port}", self._path, 5.0).status == 200
            if good and failing:
                self.gap_seconds = max(self.gap_seconds, time.monotonic() - good_at)
            good_at, failing = (time.monotonic(), False) if good else (good_at, True)


def at(port: int) -> Visitor:
    return Visitor({"listen": f"127.0.0.1:{port}", "host": ""}, PAGE, threading.Event())


# ------------------------------------------------------------------- the gap


@pytest.mark.alone
def test_an_upstream_that_is_killed_and_comes_back_leaves_a_gap_of_that_length() -> None:
    port = free_port()
    with site(port) as first:
        visits = at(port)
        time.sleep(0.3)
        assert visits.seconds() == 0.0
        died = time.monotonic()
        first.send_signal(signal.SIGKILL)
        first.wait()
        time.sleep(0.7)
    with site(port):
        back = time.monotonic()
        measured = visits.end()
        told = time.monotonic()
    assert back - died - TOLERANCE_SECONDS <= measured <= told - died + TOLERANCE_SECONDS


def test_a_gap_that_has_not_ended_counts_as_long_as_it_lasts() -> None:
    port = free_port()
    with site(port):
        visits = at(port)
        assert visits.seconds() == 0.0
    wait(lambda: visits.seconds() > 0.3)
    assert visits.end() >= visitor.LAST_SECONDS, "the end waited, and nobody answered"


def test_what_was_down_before_is_no_downtime_of_the_switch() -> None:
    port = free_port()
    visits = at(port)
    time.sleep(0.2)
    with site(port):
        time.sleep(0.2)
        assert visits.end() == 0.0


def test_it_asks_no_more_when_the_session_has_ended() -> None:
    port = free_port()
    ended = threading.Event()
    with site(port):
        visits = Visitor({"listen": f"127.0.0.1:{port}", "host": ""}, PAGE, ended)
        ended.set()
        wait(lambda: not any(thread.name == "visitor" for thread in threading.enumerate()))
    assert visits.seconds() == 0.0


def test_without_a_front_door_nothing_is_measured(tmp_path: Path) -> None:
    with Root(str(tmp_path / "root"), create=True) as root:
        assert visitor.begin(root, "d-1", threading.Event(), {"front": None, "pages": [PAGE]}) is None
        assert visitor.begin(root, "d-1", threading.Event(), {"front": {"listen": "127.0.0.1:1", "host": ""}, "pages": []}) is None
        assert visitor.end(root, "d-1") is None


# -------------------------------------------------- a switch, its proof, its end


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path / "shop") as one:
        one.open_door()
        yield one


def candidate(one: Shop, number: int, behaviour: dict[str, float] | None = None) -> None:
    one.make(number, behaviour=behaviour)
    one.start(number)


def test_a_clean_switch_measures_none(open_shop: Shop) -> None:
    open_shop.deploy(1)
    candidate(open_shop, 2)
    open_shop.turn(2, PAGE)
    assert open_shop.prove(2, 0.5)["downtime_seconds"] == 0.0
    open_shop.commit(2)
    assert visitor.end(open_shop.root, "d-2") == 0.0
    assert visitor.end(open_shop.root, "d-2") is None, "it is told once"


def test_a_first_deployment_was_down_before_and_measures_none(open_shop: Shop) -> None:
    candidate(open_shop, 1)
    open_shop.turn(1, PAGE)
    assert open_shop.prove(1, 0.3)["downtime_seconds"] == 0.0


@pytest.mark.alone
def test_one_that_turns_sick_is_down_until_its_undo(open_shop: Shop) -> None:
    """The proof fails and says what was measured by then; the whole is known when the old generation answers again."""
    open_shop.deploy(1)
    candidate(open_shop, 2, {"sick_after_seconds": 0.4})
    witness = Witness(open_shop.port, "/up")
    try:
        open_shop.turn(2, PAGE)
        with pytest.raises(AgentError) as refused:
            open_shop.prove(2, 20, {"path": "/version"})
        time.sleep(0.5)
        open_shop.undo(2)
        measured = visitor.end(open_shop.root, "d-2")
    finally:
        time.sleep(0.1)
        seen = witness.end()
    assert refused.value.code == "unhealthy"
    assert measured is not None and measured >= 0.5
    assert measured == pytest.approx(seen, abs=TOLERANCE_SECONDS)
    assert 0.0 <= refused.value.facts["downtime_seconds"] <= measured


@pytest.mark.alone
def test_an_upstream_killed_during_the_watch_is_held_by_the_proxy_until_the_undo(open_shop: Shop) -> None:
    """Caddy tries for five seconds, so that visitors wait and nobody is refused: that is slow, and it is not down."""
    open_shop.deploy(1)
    candidate(open_shop, 2)
    (row,) = open_shop.wait_up(2)
    assert row.pid is not None
    open_shop.turn(2, PAGE)
    killer = threading.Timer(0.4, os.kill, (row.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(AgentError) as refused:
        open_shop.prove(2, 20)
    killer.join()
    open_shop.undo(2)
    assert refused.value.code == "died"
    measured = visitor.end(open_shop.root, "d-2")
    assert measured is not None and measured <= 1.0
