"""An old listener is ended when nobody needs it any more: its backlog is empty and the proxy has nothing under way to it.

The proxy is a real Caddy that dials what the slot files of `current` name, as on every host.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from shipway_agent import drain
from shipway_agent.address import of_port
from shipway_agent.caddy.admin import address_of, path_of
from shipway_agent.root import Root
from tests.agent.lodge import Lodge, lodge, process, wait


class Front:
    """A Caddy in front of one root: all requests go to the slots of its process web."""

    def __init__(self, home: Lodge) -> None:
        self.proxy = Root(home.root.full("proxy"), create=True)
        self.port = _free_port()
        upstreams = [{"dial": f"{{file.{home.root.path}/current/up/web.{slot}}}"} for slot in range(1, 13)]
        balance = {"try_duration": "5s", "try_interval": "50ms", "selection_policy": {"policy": "round_robin"}}
        route = {"handle": [{"handler": "reverse_proxy", "upstreams": upstreams, "load_balancing": balance}]}
        server = {"listen": [f"127.0.0.1:{self.port}"], "automatic_https": {"disable": True}, "routes": [route]}
        config = {
            "admin": {"listen": f"unix/{path_of(self.proxy)}", "config": {"persist": False}},
            "logging": {"logs": {"default": {"level": "ERROR"}}},
            "apps": {"http": {"servers": {"front": server}}},
        }
        file = Path(self.proxy.path) / "caddy.json"
        file.write_text(json.dumps(config))
        binary = shutil.which("caddy", path=os.path.dirname(sys.executable)) or shutil.which("caddy")
        assert binary is not None
        environment = {"HOME": self.proxy.path, "XDG_DATA_HOME": self.proxy.path, "XDG_CONFIG_HOME": self.proxy.path}
        self.process = subprocess.Popen([binary, "run", "--config", str(file)], env=environment, stderr=subprocess.DEVNULL)
        wait(lambda: drain.in_flight(address_of(self.proxy)) is not None, what="Caddy answers")

    def counts(self) -> dict[str, int]:
        return drain.in_flight(address_of(self.proxy)) or {}

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.proxy.remove_socket_folder()
        self.proxy.close()


class Load:
    """Clients that do not retry, each with one POST after the other on a new connection, until told to stop; Caddy repeats only GETs."""

    def __init__(self, port: int, clients: int, page: str) -> None:
        self.port, self.page = port, page
        self.good: list[str] = []
        self.lost: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.request("POST", self.page, b"order", {"Connection": "close"})
                response = connection.getresponse()
                body = response.read().decode()
                (self.good if response.status == 200 else self.lost).append(body if response.status == 200 else f"{response.status} {body}")
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
            finally:
                connection.close()

    def last_round(self) -> None:
        """What is under way is the last of it."""
        self._stop.set()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lodge]:
    with lodge(tmp_path / "r") as one:
        one.ensure()
        yield one


@pytest.fixture
def front(home: Lodge) -> Iterator[Front]:
    one = Front(home)
    yield one
    one.close()


@contextlib.contextmanager
def asking(front: Front, page: str, clients: int = 1) -> Iterator[list[threading.Thread]]:
    """Requests under way while the block runs, and answered at its end."""
    threads = [threading.Thread(target=_once, args=(front.port, page)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for thread in threads:
            thread.join()


def _once(port: int, page: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", page)
    connection.getresponse().read()
    connection.close()


def _only(home: Lodge, number: int) -> bool:
    return {row.generation for row in home.rows()} == {number}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("listens", ["port", "socket"])
def test_caddy_counts_what_it_has_under_way_by_the_address_that_it_dialled(home: Lodge, front: Front, tmp_path: Path, listens: str) -> None:
    """The upstream is a placeholder, and after the switch the same placeholder names another address."""
    home.generation(1, process(listens=listens), process("other"))
    home.generation(2, process(listens=listens))
    home.serve(1)
    (old,) = [row for row in home.wait_up(1) if row.name == "web"]
    assert old.address is not None
    first, second = tmp_path / "first", tmp_path / "second"
    with asking(front, f"/until?{first}", clients=3):
        wait(lambda: drain.needed(str(old.address), front.counts()) == 3)
        home.switch(2)
        (new,) = home.wait_up(2)
        with asking(front, f"/until?{second}", clients=2):
            wait(lambda: drain.needed(str(new.address), front.counts()) == 2)
            assert drain.needed(old.address, front.counts()) == 3
            first.touch()
            second.touch()
    wait(lambda: drain.needed(str(old.address), front.counts()) == drain.needed(str(new.address), front.counts()) == 0)


def test_where_no_proxy_answers_only_the_backlog_counts(tmp_path: Path) -> None:
    assert drain.in_flight(f"unix/{tmp_path}/none") is None
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = of_port(listener.getsockname()[1])
        assert drain.needed(address, None) == 0
        client.connect(listener.getsockname())
        assert drain.needed(address, None) == 1


@pytest.mark.slow
@pytest.mark.parametrize("listens", ["port", "socket"])
def test_a_server_whose_backlog_is_full_loses_no_request_when_it_is_retired(home: Lodge, front: Front, listens: str) -> None:
    """One thread, requests of 50 ms, forty clients: the backlog is never empty. SIGTERM ends this server at once, whatever it does."""
    for number in (1, 2, 3):
        home.generation(number, process(listens=listens, instances=2, drain_seconds=20.0), env={"web": {"THREADS": "1", "BACKLOG": "64"}})
    home.serve(1)
    load = Load(front.port, 40, "/slow?0.05")
    try:
        for number in (2, 3):
            wait(lambda: sum(drain.backlog(str(row.address)) for row in home.rows() if row.state == "up") > 5, what="the backlog fills")
            home.serve(number)
            wait(partial(_only, home, number), what="the old ones are gone")
    finally:
        load.end()
    assert load.lost == []
    assert {body.split()[2] for body in load.good} == {"v1", "v2", "v3"}


@pytest.mark.slow
def test_without_the_wait_the_same_load_loses_requests(home: Lodge, front: Front) -> None:
    """What the test above would see if a listener were ended at once."""
    for number in (1, 2):
        home.generation(number, process(instances=2, drain_seconds=0.0), env={"web": {"THREADS": "1", "BACKLOG": "64"}})
    home.serve(1)
    load = Load(front.port, 40, "/slow?0.2")
    try:
        wait(lambda: sum(drain.backlog(str(row.address)) for row in home.rows() if row.state == "up") > 5, what="the backlog fills")
        home.serve(2)
        wait(partial(_only, home, 2))
    finally:
        load.end()
    assert load.lost


def test_a_request_under_way_is_finished_by_a_server_that_knows_no_graceful_end(home: Lodge, front: Front) -> None:
    home.generation(1, process(drain_seconds=20.0))
    home.generation(2, process())
    home.serve(1)
    load = Load(front.port, 4, "/slow?3")
    try:
        wait(lambda: sum(front.counts().values()) >= 4)
        home.serve(2)
    finally:
        load.end()
    assert load.lost == []
    wait(lambda: not home.rows(1))


@pytest.mark.slow
def test_a_request_that_does_not_end_holds_an_old_listener_no_longer_than_its_drain_time(home: Lodge, front: Front) -> None:
    home.generation(1, process(drain_seconds=2.0))
    home.generation(2, process())
    home.serve(1)
    load = Load(front.port, 1, "/slow?600")
    try:
        wait(lambda: sum(front.counts().values()) >= 1)
        load.last_round()
        home.serve(2)
        began = time.monotonic()
        wait(lambda: not home.rows(1))
        assert time.monotonic() - began < 20
    finally:
        load.end()
    assert load.lost == ["502 "]
