"""One rename makes a generation current: at the instant that all hosts were told, and not where the record has gone on meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent import visitor
from shipway_agent.apply import pointed
from shipway_agent.errors import AgentError
from shipway_agent.primitives import processes
from shipway_agent.primitives.switch import MOST_SECONDS, switch
from tests.agent.door import Door, front_door
from tests.agent.lodge import BOUND_SECONDS, Lodge, lodge, wait


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lodge]:
    """A host with a generation that serves, and another that is ready to."""
    with lodge(tmp_path / "root") as made:
        for number in (1, 2):
            made.generation(number)
        made.serve(1)
        made.lease(2)
        for do in ("vote", "start", "ready", "arm"):
            made.decide(do, 2)
        yield made


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, in place of waiting."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


def test_a_host_does_not_switch_before_the_instant_that_it_was_told(home: Lodge) -> None:
    at = time.time() + 0.3
    switch(home.context(2), {"instant": {"at": at, "within_seconds": 30.0}})
    assert pointed(home.root) == 2
    assert Path(home.root.path, "current").lstat().st_ctime >= at - 0.01, "the kernel stamps files by ticks of 4 ms"


@pytest.mark.parametrize(
    ("ahead_seconds", "within_seconds", "waited"),
    [(3600.0, 0.2, 0.2), (-3600.0, 0.2, 0.0), (3600.0, 3600.0, MOST_SECONDS)],
    ids=["its clock is slow", "its clock is fast, or the word came late", "nonsense"],
)
def test_a_wrong_clock_makes_it_wait_no_longer_than_it_may(
    home: Lodge, slept: list[float], ahead_seconds: float, within_seconds: float, waited: float
) -> None:
    switch(home.context(2), {"instant": {"at": time.time() + ahead_seconds, "within_seconds": within_seconds}})
    assert slept == [pytest.approx(waited)] and pointed(home.root) == 2


def test_one_that_was_told_no_instant_switches_at_the_word(home: Lodge, slept: list[float]) -> None:
    switch(home.context(2), {})
    assert not slept and pointed(home.root) == 2


def test_an_undo_that_comes_while_it_waits_is_what_counts(home: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as waiting:
        waiting.setattr(time, "sleep", lambda seconds: home.decide("undo", 2))
        with pytest.raises(AgentError) as refused:
            switch(home.context(2), {"instant": {"at": time.time() + 1.0, "within_seconds": 1.0}})
    assert refused.value.code == "settled" and pointed(home.root) == 1


# ------------------------------------------------- and not behind its page


def start(home: Lodge, door: Door) -> None:
    """What comes before the switch of generation 2, under the eyes of a visitor. Nothing of it listens, so only the page takes time."""
    for number in (1, 2):
        home.generation(number)
    home.serve(1)
    home.lease(2)
    home.decide("vote", 2)
    home.decide("start", 2)
    processes.start(home.context(2), {"generation": 2, **door.args()})
    home.decide("ready", 2)


def test_hosts_whose_page_takes_long_switch_at_the_instant_and_not_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page takes 300 ms, and from the word to switch on for ever: so whoever waits for it does not switch."""
    monkeypatch.setattr(visitor, "PATIENCE_SECONDS", 2 * BOUND_SECONDS)
    with front_door(page_seconds=0.3) as door, lodge(tmp_path / "a") as a, lodge(tmp_path / "b", name="b") as b:
        for home in (a, b):
            start(home, door)
        door.shut()
        at = time.time() + 0.3
        told = {**door.args(), "instant": {"at": at, "within_seconds": 0.3}}
        work = [threading.Thread(target=switch, args=(home.context(2), told), daemon=True) for home in (a, b)]
        for one in work:
            one.start()
        for one in work:
            one.join(BOUND_SECONDS)
        assert [pointed(home.root) for home in (a, b)] == [2, 2]
        assert all(Path(home.root.path, "current").lstat().st_ctime >= at - 0.01 for home in (a, b))
        wait(lambda: door.waiting == 2, what="each has asked for its page, and still waits for it")
