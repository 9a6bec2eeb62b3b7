"""Downtime is measured, not assumed: the gap between two good answers, from before a switch until the decision was followed."""

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
from typing import Any

import pytest

from shipway_agent import probes, visitor
from shipway_agent.errors import AgentError
from shipway_agent.states import DISCARDED
from shipway_agent.visitor import Visitor
from tests.agent.door import Door, front_door
from tests.agent.lodge import SITE, Lodge, lodge, wait
from tests.agent.shop import Shop, free_port, shop
from tests.agent.wire import Wire, session
from tests.agent.workshop import step

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


def ahead(port: int) -> Visitor:
    """One before the switch, with its first answer."""
    visits = Visitor({"listen": f"127.0.0.1:{port}", "host": ""}, PAGE, threading.Event(), lambda: True)
    visits.wait()
    return visits


def at(port: int) -> Visitor:
    """One at the switch."""
    visits = ahead(port)
    visits.hurry()
    return visits


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
        visits = Visitor({"listen": f"127.0.0.1:{port}", "host": ""}, PAGE, ended, lambda: True)
        ended.set()
        wait(lambda: not any(thread.name == "visitor" for thread in threading.enumerate()))
    assert visits.seconds() == 0.0


def test_without_a_front_door_nothing_is_measured(tmp_path: Path) -> None:
    front = {"listen": "127.0.0.1:1", "host": ""}
    with lodge(tmp_path / "root") as home:
        for args in ({"front": None, "pages": [PAGE]}, {"front": front, "pages": []}, {"front": front, "pages": [PAGE], "visit": False}):
            assert visitor.ahead(home.context(1), args) is None
            assert visitor.begin(home.context(1), args) is None
        assert visitor.end(home.root, "d-1") is None


# ------------------------------------------------------- before the switch


def test_what_breaks_before_the_switch_counts_from_the_last_good_answer() -> None:
    port = free_port()
    with site(port):
        visits = ahead(port)
        good = time.monotonic()
    broken = time.monotonic()
    wait(lambda: visits.seconds() > 0.0)
    visits.hurry()
    wait(lambda: visits.seconds() > 0.5)
    with site(port):
        assert time.monotonic() - broken <= visits.end() <= time.monotonic() - good + TOLERANCE_SECONDS


def test_what_breaks_with_the_switch_does_not_count_from_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long ago somebody asked last."""
    monkeypatch.setattr(visitor, "AHEAD_SECONDS", 600.0)
    port = free_port()
    with site(port):
        visits = ahead(port)
    time.sleep(0.5)
    switched = time.monotonic()
    visits.hurry()
    wait(lambda: visits.seconds() > 0.0)
    with site(port):
        assert 0.0 < visits.end() <= round(time.monotonic() - switched, 3)


def test_one_that_the_switch_takes_over_is_the_one_that_was_there(tmp_path: Path) -> None:
    with lodge(tmp_path / "root") as home, front_door() as door:
        first = visitor.ahead(home.context(1), door.args())
        assert first is not None and visitor.begin(home.context(1), door.args()) is first
        assert visitor.begin(home.context(2), door.args()) is not first, "each deployment has its own"
        assert visitor.end(home.root, "d-1") == visitor.end(home.root, "d-2") == 0.0


def is_left_alone(door: Door) -> bool:
    """Whether nobody comes for as long as four visits of one who waits for a switch would take."""
    before = door.visits
    time.sleep(4 * visitor.AHEAD_SECONDS)
    return door.visits == before


def started(channel: Wire, door: Door) -> None:
    """Generation 2 is ready to switch, and a visitor asks."""
    do = {"deployment": "d-2", "fence": 2}
    steps = [
        step("member:start", "member", {"do": "start", **do}),
        step("start", "process.start", {"generation": 2, **door.args()}),
        step("member:ready", "member", {"do": "ready", **do}),
    ]
    answer = channel.call("run", {**do, "steps": steps})
    assert answer["failed"] is None, answer
    before = door.visits
    wait(lambda: door.visits > before)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Lodge]:
    """A host that has voted for generation 2; generation 1 serves. Nothing of it listens."""
    with lodge(tmp_path / "root") as home:
        home.ensure()
        for number in (1, 2):
            home.generation(number)
        home.serve(1)
        home.lease(2)
        home.decide("vote", 2)
        yield home


QUICK = "import shipway_agent.visitor; shipway_agent.visitor.LOOK_SECONDS = 0.1"


def test_nobody_asks_on_after_an_undo_before_the_switch(host: Lodge) -> None:
    """The driver tells it in the session in which it started candidates; so ends what another host could not start, and Ctrl-C."""
    with front_door() as door, session(Path(host.root.path)) as channel:
        started(channel, door)
        told = {"deployment": "d-2", "fence": 2, "term": 0}
        assert channel.call("decide", {"do": "undo", **told})["decision"] == "reverted"
        assert channel.call("decide", {"do": "tell", "decision": "reverted", **told})["downtime_seconds"] == 0.0
        assert is_left_alone(door)


def test_nobody_asks_on_after_an_undo_by_somebody_else(host: Lodge) -> None:
    """An abort reaches the host over another session, and the first driver never says a word again."""
    with front_door() as door, session(Path(host.root.path), before=QUICK) as channel:
        started(channel, door)
        host.decide("undo", 2)
        wait(lambda: is_left_alone(door))
        told, before = {"do": "tell", "decision": "reverted", "deployment": "d-2", "fence": 2, "term": 0}, door.visits
        assert channel.call("decide", told)["downtime_seconds"] == 0.0, "what it had measured is told when somebody asks"
        assert door.visits == before and is_left_alone(door)


def test_nobody_asks_on_when_the_lease_has_run_out(host: Lodge) -> None:
    with front_door() as door, session(Path(host.root.path), before=QUICK) as channel:
        started(channel, door)
        host.decide("renew", 2, seconds=0.1)
        wait(lambda: is_left_alone(door))
        attempt = host.journal.member().attempt("d-2")
        assert attempt is not None and attempt.stage == DISCARDED


def test_nobody_asks_on_when_the_session_ends_before_the_switch(host: Lodge) -> None:
    with front_door() as door, session(Path(host.root.path)) as channel:
        started(channel, door)
        channel.end()
        assert is_left_alone(door)


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


def test_a_record_that_cannot_be_read_for_a_moment_sends_no_visitor_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody moves the journal and puts it back: a switch may come all the same."""
    monkeypatch.setattr(visitor, "LOOK_SECONDS", 0.0)
    looked = threading.Event()

    def unreadable(root: object) -> object:
        looked.set()
        raise AgentError("journal", "it is not there")

    monkeypatch.setattr(visitor, "Journal", unreadable)
    port = free_port()
    with site(port):
        visits = Visitor({"listen": f"127.0.0.1:{port}", "host": ""}, PAGE, threading.Event(), lambda: visitor._may_switch(context()))
        visits.wait()
        assert looked.wait(20)
        time.sleep(0.1)
        assert not visits.is_gone
        visits.end()


def context() -> Any:
    class Context:
        root = None

    return Context()
