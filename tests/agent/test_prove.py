"""What serves is proved: whose listener it is, that it stays healthy, that the front door answers with it. And what is no proof."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway_agent.errors import AgentError
from shipway_agent.primitives import generations, prove, proxy
from tests.agent.lodge import wait
from tests.agent.shop import Shop, get, shop

pytestmark = pytest.mark.slow


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path / "shop") as one:
        one.open_door()
        yield one


def refusal(one: Shop, number: int, watch_seconds: float = 0.3, **more: Any) -> AgentError:
    with pytest.raises(AgentError) as refused:
        one.prove(number, watch_seconds, **more)
    return refused.value


@pytest.mark.parametrize("listens", ["port", "socket"])
def test_a_generation_that_serves_is_proved(open_shop: Shop, listens: str) -> None:
    open_shop.deploy(1, listens=listens, instances=3, worker=True)
    began = time.monotonic()
    answer = open_shop.prove(1, 0.6)
    assert time.monotonic() - began >= 0.6
    assert answer["downtime_seconds"] == 0.0
    assert all(probe["ok"] for probe in answer["probes"])
    said = [probe["what"] for probe in answer["probes"]]
    owned = [f"web.{n} owns its address" for n in (1, 2, 3)]
    assert said == [*owned, "front door /version", "healthy for 0.6 s", *owned]


def test_a_site_of_files_is_proved_by_its_release(open_shop: Shop) -> None:
    open_shop.deploy(1, listens=None, static="public", run=["/bin/sleep", "600"])
    wait(lambda: open_shop.row(1))
    assert open_shop.prove(1, 0.1, {"path": "/style.css", "contains": "v1"})["probes"]


def test_a_listener_of_another_process_is_no_proof(open_shop: Shop) -> None:
    """It answers every question as it should, and belongs to somebody else."""
    open_shop.deploy(1)
    open_shop.deploy(2)
    (other,) = open_shop.wait_up(2)
    assert other.address is not None
    open_shop.make(3)
    open_shop.start(3)
    open_shop.turn(3)
    row = open_shop.row(3)
    assert row is not None
    generations.write_slots(open_shop.root, 3, {"web": [other.address]})
    error = refusal(open_shop, 3)
    assert error.code == "not-ours"
    assert other.address in error.message


def test_a_stranger_in_the_listeners_place_is_named(open_shop: Shop) -> None:
    open_shop.deploy(1, listens="socket")
    (row,) = open_shop.wait_up(1)
    assert row.address is not None
    path = row.address.removeprefix("unix/")
    os.unlink(path)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(path)
        stranger.listen()
        error = refusal(open_shop, 1)
    assert error.code == "not-ours"
    assert f"process {os.getpid()}" in error.message


def test_one_that_turns_sick_fails_with_the_answer_and_its_last_lines(open_shop: Shop) -> None:
    open_shop.make(1, behaviour={"sick_after_seconds": 0.5})
    open_shop.start(1)
    open_shop.turn(1)
    began = time.monotonic()
    error = refusal(open_shop, 1, 20)
    assert time.monotonic() - began < 10
    assert error.code == "unhealthy"
    assert "status 503, body: sick" in error.message
    assert "sample 1 listens" in error.lines
    assert [probe["ok"] for probe in error.facts["probes"]] == [True] * 2 + [False]


def test_one_that_dies_fails_with_its_exit_code_and_last_lines(open_shop: Shop) -> None:
    open_shop.make(1, behaviour={"die_after_seconds": 2})
    open_shop.start(1)
    open_shop.turn(1)
    error = refusal(open_shop, 1, 20)
    assert error.code == "died"
    assert "web.1 died" in error.message
    assert "(exit 1)" in error.message
    assert any("dies as behaviour.json says" in line for line in error.lines)


def test_one_that_was_started_anew_meanwhile_is_no_proof(open_shop: Shop) -> None:
    """Healthy at each look; but not the process that was healthy before."""
    open_shop.deploy(1)
    (row,) = open_shop.wait_up(1)
    assert row.pid is not None
    killer = threading.Timer(0.4, os.kill, (row.pid, signal.SIGKILL))
    killer.start()
    error = refusal(open_shop, 1, 20)
    killer.join()
    assert error.code == "died"


def test_a_worker_counts(open_shop: Shop) -> None:
    open_shop.deploy(1, worker=True)
    row = wait(lambda: open_shop.row(1, "worker"))
    assert row.pid is not None
    killer = threading.Timer(0.4, os.kill, (row.pid, signal.SIGKILL))
    killer.start()
    error = refusal(open_shop, 1, 20)
    killer.join()
    assert (error.code, "worker.1 died" in error.message) == ("died", True)


def test_a_front_door_that_answers_with_something_else_is_no_proof(open_shop: Shop) -> None:
    """Link and record say 2, and what the proxy dials is a process of 1."""
    open_shop.deploy(1)
    open_shop.make(2)
    open_shop.start(2)
    open_shop.turn(2)
    up = Path(open_shop.root.full(f"{generations.place(2)}/front"))
    for slot in [entry for entry in up.iterdir() if entry.name.isdigit()]:
        slot.unlink()
        slot.symlink_to(f"../../000001/up/web.{slot.name}")
    error = refusal(open_shop, 2)
    assert error.code == "front-door"
    assert "which is no address of this generation" in error.message


def test_a_key_page_that_is_wrong_is_named_with_what_was_seen(open_shop: Shop) -> None:
    open_shop.deploy(1)
    error = refusal(open_shop, 1, pages=[{"path": "/version"}, {"path": "/nowhere"}])
    assert error.code == "front-door"
    assert "/nowhere" in error.message
    assert "status 404" in error.message
    error = refusal(open_shop, 1, pages=[{"path": "/version", "contains": "version 7"}])
    assert "lacks 'version 7'" in error.message


def test_a_proxy_that_is_gone_is_no_proof(open_shop: Shop) -> None:
    open_shop.deploy(1)
    proxy.remove_site(open_shop.root.full("proxy"), "shop-test")
    assert refusal(open_shop, 1).code == "front-door"


def test_before_the_switch_nothing_is_proved(open_shop: Shop) -> None:
    open_shop.make(1)
    open_shop.start(1)
    assert refusal(open_shop, 1).code == "not-current"
    open_shop.turn(1)
    open_shop.commit(1)
    open_shop.make(2)
    open_shop.start(2)
    error = refusal(open_shop, 2)
    assert (error.code, "this deployment made 2" in error.message) == ("not-current", True)


def test_one_look_tells_whether_a_host_serves_whichever_release_and_whatever_its_workers_do(open_shop: Shop) -> None:
    args = {"pages": [{"path": "/version"}], "front": {"listen": open_shop.listen, "host": ""}}
    with pytest.raises(AgentError, match="points at None"):
        prove.serves(open_shop.context(1), args)
    open_shop.deploy(1, worker=True)
    open_shop.make(2)  # prepared: what is current is of another deployment than the one that asks
    worker, web = wait(lambda: open_shop.row(1, "worker")), open_shop.row(1)
    assert worker.pid is not None and web is not None and web.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    said = prove.serves(open_shop.context(2), args)
    assert said["generation"] == 1 and [probe["what"] for probe in said["probes"]] == ["web.1 owns its address", "healthy for 0 s"]
    os.kill(web.pid, signal.SIGSTOP)
    with pytest.raises(AgentError, match=r"web\.1 at|front door"):
        prove.serves(open_shop.context(2), {**args, "pages": [{"path": "/version", "timeout_seconds": 1}]})
    os.kill(web.pid, signal.SIGCONT)


def test_the_public_is_told_nothing(open_shop: Shop) -> None:
    open_shop.deploy(1)
    _, headers, _ = get(open_shop.port)
    assert not [name for name in headers if name.startswith("shipway")]
    _, headers, _ = get(open_shop.port, headers={"Shipway-Probe": "0" * 32})
    assert not [name for name in headers if name.startswith("shipway")]


PAGE_FOR_ALL = {"path": "/anything", "status": [503], "public": True}


def test_a_maintenance_page_answers_the_public_and_not_the_proof(open_shop: Shop) -> None:
    open_shop.deploy(1)
    open_shop.deploy(2, document={"maintenance": {"how": "page", "message": "back at nine"}})
    status, headers, body = get(open_shop.port, "/anything")
    assert (status, headers["retry-after"], b"back at nine" in body) == (503, "30", True)
    assert not [name for name in headers if name.startswith("shipway")]
    assert open_shop.prove(2, 0.3)["probes"], "our own probes pass"
    assert open_shop.prove(2, 0.3, PAGE_FOR_ALL)["probes"], "and see what anybody sees where they are asked to"
    open_shop.deploy(3)
    assert get(open_shop.port)[0] == 200
    with pytest.raises(AgentError, match="wanted status 503"):
        open_shop.prove(3, 0.0, PAGE_FOR_ALL)


def test_what_is_stopped_answers_our_own_probes_with_the_page_too(open_shop: Shop) -> None:
    open_shop.deploy(1)
    open_shop.deploy(2, document={"closed": {"who": "ann"}})
    with pytest.raises(AgentError, match="status 503"):
        open_shop.prove(2, 0.0)
    assert open_shop.prove(2, 0.3, PAGE_FOR_ALL)["probes"]


def test_held_requests_are_served_when_the_hold_ends_and_none_waits_longer_than_its_bound(open_shop: Shop) -> None:
    open_shop.deploy(1)
    open_shop.deploy(2, document={"maintenance": {"how": "hold", "hold_seconds": 5}})
    assert open_shop.prove(2, 0.3)["probes"], "our own probes pass"
    status, headers, _ = get(open_shop.port, seconds=60)
    assert (status, headers["retry-after"]) == (503, "30"), "past the bound"
    open_shop.deploy(3, document={"maintenance": {"how": "hold", "hold_seconds": 300}})
    waiting = [socket.create_connection(("127.0.0.1", open_shop.port), 60) for _ in range(20)]
    try:
        for one in waiting:
            one.sendall(b"POST /upload HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12345")
        open_shop.make(4)
        open_shop.start(4)
        assert not select.select(waiting, [], [], 0)[0], "nobody was answered"
        open_shop.turn(4)
        open_shop.commit(4)
        for one in waiting:
            with one.makefile("rb") as whole:
                answer = whole.read()
            assert answer.startswith(b"HTTP/1.1 200 ") and b'"version": "4"' in answer, answer
    finally:
        for one in waiting:
            one.close()
