"""A process beside the daemon sends what waits: real processes, real receivers, and time as the test wants it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shipway_agent.notifications import box
from shipway_agent.notifications.sender import LONGEST_PAUSE_SECONDS, Sender, pause_seconds
from shipway_agent.primitives import notifications as primitive
from tests.agent.lodge import Lodge, lodge, process, wait
from tests.agent.notifications.receivers import Web, speaking, web

SAID = {"commit": "c" * 40, "version": "v2", "app": "shop", "environment": "test", "kind": "deploy", "who": "ann@laptop"}
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME")}


@contextmanager
def undone(place: Path, *urls: str) -> Iterator[Lodge]:
    """A host without a daemon that has undone a deployment and must tell these webhooks."""
    with lodge(place) as host:
        targets = [{"kind": "webhook", "on": ["failure"], "url": url} for url in urls]
        host.generation(1, process("worker", None))
        primitive.keep(host.context(1), {"targets": targets})
        host.switch(1, **SAID)
        host.decide("undo", 1, reason={"what": "it failed"})
        yield host


def sender_of(host: Lodge) -> Sender:
    said: list[str] = []
    return Sender(host.root, host.journal, ENVIRONMENT, said.append)


def turn(sender: Sender, host: Lodge, now: float, tries: int) -> None:
    """One turn of the daemon at that time, and then the end of the process that it started."""
    sender.turn(now)
    wait(lambda: all(count >= tries for _, count in box.waiting(host.journal)) and not box.untried(host.journal))
    wait(lambda: sender.idle)


def ids(server: Web) -> list[str]:
    return [str(json.loads(heard.body)["shipway"]["id"]) for heard in server.heard]


def test_a_receiver_that_fails_twice_gets_it_once_more_under_the_same_id(tmp_path: Path) -> None:
    with web([500, 503]) as server, undone(tmp_path / "a", f"http://127.0.0.1:{server.port}/x") as host:
        sender = sender_of(host)
        turn(sender, host, 0.0, 1)
        turn(sender, host, 2.0, 1)  # it is first seen here that a try has failed
        assert len(server.heard) == 1
        turn(sender, host, 2.0 + pause_seconds(1) + 0.1, 2)
        turn(sender, host, 9.0, 2)
        turn(sender, host, 9.0 + pause_seconds(2) + 0.1, 3)
        assert box.waiting(host.journal) == []
        turn(sender, host, 10_000.0, 3)
        assert len(server.heard) == 3 and len(set(ids(server))) == 1
        assert {heard.headers["idempotency-key"] for heard in server.heard} == set(ids(server))


def test_after_a_restart_everything_that_waits_is_due_and_what_was_sent_is_not(tmp_path: Path) -> None:
    with web([200, 500]) as server, undone(tmp_path / "a", *(f"http://127.0.0.1:{server.port}/{name}" for name in "xy")) as host:
        turn(sender_of(host), host, 0.0, 1)
        assert len(box.waiting(host.journal)) == 1
        turn(sender_of(host), host, 0.0, 2)
        assert box.waiting(host.journal) == [] and len(server.heard) == 3 and len(set(ids(server))) == 2


def test_a_sender_that_is_killed_has_tried_and_another_takes_over(tmp_path: Path) -> None:
    def hold(connection: Any) -> None:
        while connection.recv(65536):
            pass

    with speaking(hold) as port, undone(tmp_path / "a", f"http://127.0.0.1:{port}/x") as host:
        sender = sender_of(host)
        sender.turn(0.0)
        wait(lambda: [tries for _, tries in box.waiting(host.journal)] == [1])
        second = sender_of(host)
        second.turn(0.0)  # a daemon that was started anew beside the process of the one before
        wait(lambda: second.idle)
        assert [tries for _, tries in box.waiting(host.journal)] == [1], "only one process sends"
        assert sender.running is not None
        os.kill(sender.running.pid, signal.SIGKILL)
        wait(lambda: sender.idle)
        third = sender_of(host)
        third.turn(0.0)
        wait(lambda: [tries for _, tries in box.waiting(host.journal)] == [2])
        assert third.running is not None
        os.kill(third.running.pid, signal.SIGKILL)
        wait(lambda: third.idle)


def test_a_slow_target_holds_up_no_other(tmp_path: Path) -> None:
    def hold(connection: Any) -> None:
        while connection.recv(65536):
            pass

    with (
        speaking(hold) as port,
        web() as server,
        undone(tmp_path / "a", f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{server.port}/x") as host,
    ):
        sender = sender_of(host)
        sender.turn(0.0)
        wait(lambda: len(server.heard) == 1)
        assert sender.running is not None
        os.kill(sender.running.pid, signal.SIGKILL)
        wait(lambda: sender.idle)


def test_a_target_that_is_not_configured_any_more_is_given_up(tmp_path: Path) -> None:
    with undone(tmp_path / "a", "http://127.0.0.1:9/x") as host:
        primitive.keep(host.context(1), {"targets": []})
        turn(sender_of(host), host, 0.0, 1)
        assert box.summary(host.journal) == {
            "targets": 0,
            "waiting": 0,
            "failed": 1,
            "tries": 1,
            "last_error": "webhook 1: it is not configured any more",
        }


def test_the_pause_grows_to_ten_minutes_and_all_tries_take_about_a_day() -> None:
    pauses = [pause_seconds(tries) for tries in range(1, box.MOST_TRIES)]
    assert pauses[:4] == [5.0, 10.0, 20.0, 40.0] and max(pauses) == LONGEST_PAUSE_SECONDS
    assert 22 * 3600 < sum(pauses) < 26 * 3600


@pytest.mark.slow
def test_the_daemon_tells_that_a_process_of_what_serves_is_given_up(tmp_path: Path) -> None:
    with web() as server, lodge(tmp_path / "a") as host:
        host.ensure()
        flag = tmp_path / "die"
        mortal = process("worker", None, run=["/bin/sh", "-c", f"while test ! -e {flag}; do sleep 0.1; done; echo cannot go on; exit 3"])
        host.generation(1, mortal)
        primitive.keep(host.context(1), {"targets": [{"kind": "webhook", "on": ["failure"], "url": f"http://127.0.0.1:{server.port}/x"}]})
        host.switch(1, **SAID)
        host.wait_row(1, "worker")
        host.decide("commit", 1)
        flag.touch()
        host.wait_row(1, "worker", state="crashed")
        wait(lambda: server.heard, what="it is told")
        said = json.loads(server.heard[0].body)["shipway"]
        assert said["event"] == "crashed" and said["lines"][-1] == "cannot go on" and said["next"] == "shipway rollback test"
        assert "worker.1 died again and again, at last with 3" in said["what"]


@pytest.mark.slow
def test_a_host_that_goes_back_without_its_lead_tells_it_for_itself(tmp_path: Path) -> None:
    with web() as server, lodge(tmp_path / "b", name="b") as host:
        host.ensure()
        for number in (1, 2):
            host.generation(number, process("worker", None))
        host.serve(1)
        target = {"kind": "webhook", "on": ["failure"], "url": f"http://127.0.0.1:{server.port}/x"}
        primitive.keep(host.context(2), {"targets": [target]})
        host.switch(2, confirm_seconds=0.5, members=("a", "b"), peers=["127.0.0.1:9"], peer_key="5" * 64, **SAID)
        host.decide("renew", 2, seconds=0.1)
        wait(lambda: server.heard, what="it is told")
        said = json.loads(server.heard[0].body)["shipway"]
        assert (said["event"], said["sender"], said["host"], said["verdict"]) == ("went back", "b", "b", "not settled")
        assert "b heard neither its driver for " in said["what"] and "127.0.0.1:9: " in said["what"]
        assert said["serving"]["version"] == "v1" and said["next"] == "shipway resume test"
