"""Listeners are asked all the time, each in a thread of its own, and only news wakes the daemon."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent import pulse
from shipway_agent.address import of_port, of_socket
from shipway_agent.pulse import Pulse, Target
from tests.agent.lodge import wait


@pytest.fixture
def woken() -> queue.SimpleQueue[None]:
    return queue.SimpleQueue()


@pytest.fixture
def beating(woken: queue.SimpleQueue[None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Pulse]:
    monkeypatch.setattr(pulse, "STEADY_SECONDS", 0.05)
    monkeypatch.setattr(pulse, "STARTING_SECONDS", 0.02)
    one = Pulse(lambda: woken.put(None))
    yield one
    one.watch({})
    wait(lambda: not [thread for thread in threading.enumerate() if thread.name == "pulse"])


def target(token: str, address: str) -> dict[str, Target]:
    return {token: Target(token, address)}


def test_a_listener_that_comes_up_and_goes_is_told_twice(beating: Pulse, woken: queue.SimpleQueue[None], tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    beating.watch(target("t", of_socket(path)))
    woken.get(timeout=30)
    assert beating.healthy("t") is False
    assert beating.fault("t") == f"nothing accepts connections at {of_socket(path)}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1000)
        woken.get(timeout=30)
        assert beating.healthy("t") is True
        time.sleep(0.3)  # several questions more, and nothing new
        assert woken.empty()
    woken.get(timeout=30)
    assert beating.healthy("t") is False


def test_a_listener_that_does_not_answer_holds_up_no_other(beating: Pulse, tmp_path: Path) -> None:
    page = {"page": {"path": "/", "status": [200], "contains": None, "timeout_seconds": 60}}
    with socket.socket() as silent, socket.socket() as other:
        for listener in (silent, other):
            listener.bind(("127.0.0.1", 0))
            listener.listen(100)
        addresses = [of_port(listener.getsockname()[1]) for listener in (silent, other)]
        beating.watch({"silent": Target("silent", addresses[0], page), "other": Target("other", addresses[1])})
        wait(lambda: beating.healthy("other"))
        assert beating.healthy("silent") is None
        silent.accept()[0].close()  # ends the question


def test_who_is_not_watched_any_more_is_not_known(beating: Pulse, tmp_path: Path) -> None:
    beating.watch(target("t", of_socket(f"{tmp_path}/s")))
    wait(lambda: beating.healthy("t") is False)
    beating.watch(target("next", of_socket(f"{tmp_path}/s")))
    assert beating.healthy("t") is None
    assert beating.fault("t") is None
