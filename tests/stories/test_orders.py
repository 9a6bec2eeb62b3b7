"""Restart, scale, stop, start and maintenance on two real hosts under load: nobody loses a request, and what is ordered holds."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from load import Load
from tests.hosts import Hosts
from tests.stories.project import eventually
from tests.stories.shop import QUICK
from tests.stories.test_ssh import Fleet

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(600)]

WORKER = """
[process.worker]
run = "exec sleep 600000"
drain_seconds = 2

"""
UNWATCHED = QUICK.replace("watch_seconds = 1", "watch_seconds = 0")
"""Orders are many here, and none of them is about something that turns sick later."""

COMMANDS = {"python3 app.py": "web", "sleep 600000": "worker"}
PATIENCE_SECONDS = 120.0


class Daily(Fleet):
    """The sample application with a worker beside it."""

    def __init__(self, place: Path, hosts: Hosts) -> None:
        super().__init__(place, hosts, UNWATCHED, settings=WORKER)

    def begin(self, *, web: int) -> dict[str, set[int]]:
        """v1 serves, with so many of web and a worker on each host, whatever another test ordered or left undone. Their pids."""
        serves = all('"version": "1"' in self.front_page(host)[1] for host in self.hosts.names)
        if not serves or [len(copies) for copies in self.running().values()] != [2 * web, 2]:
            self.order("start")
            self.order("maintenance", "off")
            self.project.deploy("v1")
            self.order("scale", f"web={web}", "worker=file")
        return self.come_to(web=2 * web, worker=2)

    def order(self, *words: str, code: int = 0) -> str:
        command, *rest = words
        action = [rest.pop(0)] if command == "maintenance" and rest and rest[0] in ("on", "off") else []
        return self.project.run(command, *action, "live", *rest, code=code).text

    def running(self) -> dict[str, set[int]]:
        """The pids of every copy on both hosts, by process."""
        found: dict[str, set[int]] = {"web": set(), "worker": set()}
        for host in self.hosts.names:
            for pid, command in self.hosts.pids(host).items():
                if command in COMMANDS:
                    found[COMMANDS[command]].add(pid)
        return found

    def come_to(self, *, web: int, worker: int) -> dict[str, set[int]]:
        """The same, once what is too many has ended."""
        found: dict[str, set[int]] = {}

        def as_many() -> bool:
            found.update(self.running())
            return (len(found["web"]), len(found["worker"])) == (web, worker)

        eventually(as_many, f"{web} of web and {worker} of worker run on both hosts together", 60)
        return found

    def front_page(self, host: str, page: str = "/version") -> tuple[int, str]:
        connection = http.client.HTTPConnection(*self.hosts.front(host), timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", page)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def kill_supervisors(self) -> None:
        for host in self.hosts.names:
            for pid, command in self.hosts.pids(host).items():
                if " supervise " in command and "/apps/" in command:
                    os.kill(pid, signal.SIGKILL)


class Visitors:
    """They come to both front doors again and again, one after the other, and wait as long as it takes. `answers` counts what they got."""

    def __init__(self, fleet: Daily) -> None:
        self.answers: dict[int, int] = {}
        self._fleet = fleet
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._visit, args=(host,)) for host in fleet.hosts.names for _ in range(4)]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def _visit(self, host: str) -> None:
        while not self._over.is_set():
            try:
                status = self._fleet.front_page(host)[0]
            except (OSError, http.client.HTTPException):
                status = 0  # no answer at all
            with self._lock:
                self.answers[status] = self.answers.get(status, 0) + 1
            self._over.wait(0.02)


@pytest.fixture(scope="module")
def fleet(common_place: Path) -> Iterator[Daily]:
    with Hosts(2) as hosts:
        fleet = Daily(common_place, hosts)
        fleet.project.deploy("v1")
        yield fleet


def test_restart_and_scale_lose_no_request_and_touch_only_what_they_name(fleet: Daily) -> None:
    first = fleet.begin(web=1)
    with Load(*fleet.doors, scale=0.1) as load:
        fleet.order("restart", "--process", "worker")
        second = fleet.come_to(web=2, worker=2)
        assert second["web"] == first["web"] and not second["worker"] & first["worker"]

        fleet.order("restart")
        third = fleet.come_to(web=2, worker=2)
        assert not third["web"] & second["web"] and not third["worker"] & second["worker"]

        assert "scale web 1 → 3, worker 1 → 2" in fleet.order("scale", "web=3", "worker=2")
        fourth = fleet.come_to(web=6, worker=4)
        assert third["web"] < fourth["web"] and third["worker"] < fourth["worker"], "what ran goes on"

        assert "web is scaled to 3; shipway.toml says 1" in fleet.project.deploy("v2").text
        fifth = fleet.come_to(web=6, worker=4)
        assert not fifth["web"] & fourth["web"], "it holds for the next release"
        fleet.project.rollback()
        before = fleet.come_to(web=6, worker=4)
        assert fleet.version() == "1" and not before["web"] & fifth["web"], "and for the way back"
        fleet.order("scale", "web=2", "worker=file")
        after = fleet.come_to(web=4, worker=2)
        assert after["web"] < before["web"] and after["worker"] < before["worker"], "and what is too many has ended"
        outcome = load.stop()
    assert outcome.failures == (), str(outcome)
    assert set(outcome.versions) == {"1", "2"}


def test_what_is_stopped_stays_so_whatever_starts_on_the_host_and_comes_back_as_it_was(fleet: Daily) -> None:
    web = fleet.begin(web=2)["web"]
    with Visitors(fleet) as visitors:
        fleet.order("stop", "--process", "worker")
        assert fleet.come_to(web=4, worker=0)["web"] == web
        fleet.order("stop")
        fleet.come_to(web=0, worker=0)
        assert fleet.front_page("a")[0] == 503
        fleet.kill_supervisors()
        fleet.project.run("doctor", "live", "--fix", code=None)
        assert fleet.running() == {"web": set(), "worker": set()}
    assert set(visitors.answers) == {200, 503}, f"one or the other, and nothing else: {visitors.answers}"
    fleet.hosts.reboot("b")
    eventually(lambda: state_of(fleet, "b") == "stopped", "the host is up again, and as ordered", 60)
    said = fleet.project.run("status", "live").text
    assert "stopped since" in said and "web × 2" in said and "worker × 1" in said, said
    eventually(lambda: serves_a_page(fleet, "b"), "its proxy is up again", 60)
    assert fleet.running() == {"web": set(), "worker": set()}

    with Visitors(fleet) as visitors:
        fleet.order("start")
        fleet.come_to(web=4, worker=2)
        assert fleet.version() == "1"
    assert set(visitors.answers) == {200, 503}, visitors.answers


def test_maintenance_shows_a_page_or_holds_and_loses_nobody(fleet: Daily) -> None:
    was = fleet.begin(web=2)
    with Visitors(fleet) as visitors:
        fleet.order("maintenance", "on", "--message", "back at nine")
        assert "back at nine" in fleet.front_page("b", "/anything")[1]
        fleet.project.deploy("v5")
        assert fleet.front_page("a")[0] == 503, "a deployment leaves it on"
        assert "back at nine" in fleet.project.run("maintenance", "live").text
        fleet.order("maintenance", "off")
        assert fleet.version() == "5" and not fleet.running()["web"] & was["web"]
    assert set(visitors.answers) == {200, 503}, visitors.answers

    with Visitors(fleet) as visitors:
        fleet.order("maintenance", "on", "--hold", "--hold-seconds", "300")
        fleet.order("maintenance", "off")
        assert fleet.version() == "5"
    assert set(visitors.answers) == {200}, f"all of them were held, and served: {visitors.answers}"

    fleet.project.run("exec", "live", "--", "sh", "-c", "exit 3", code=3)
    told = [record["what"] or record["kind"] for record in history(fleet)]
    assert told[:3] == ["sh on a, exit 3", "maintenance off", "maintenance on, requests are held for at most 300 s"]


def history(fleet: Daily) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = fleet.project.run("history", "live", "--json").verdict["data"]["history"]
    return records


def state_of(fleet: Daily, host: str) -> str:
    said = fleet.project.run("status", "live", "--json", code=None).lines[0]
    return next(str(one["state"]) for one in said["hosts"] if one["host"] == host)


def serves_a_page(fleet: Daily, host: str) -> bool:
    try:
        return fleet.front_page(host)[0] == 503
    except (OSError, http.client.HTTPException):
        return False  # it has just been started
