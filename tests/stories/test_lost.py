"""The lead of a deployment is gone for ever, or so it seems: the others decide without it, and it follows them when it returns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from shipway_agent import clock
from shipway_agent.journal import Journal
from shipway_agent.root import Root
from tests.stories.project import Said, eventually, processes_of
from tests.stories.shop import Shop

HOSTS = ("a", "b", "c")
PATIENT = "watch_seconds = 30\nlease_seconds = 4\nconfirm_seconds = 300"
"""The driver dies while it watches; no host's deadline comes before somebody has spoken."""


class Fleet:
    """Three local hosts whose driver died when all had switched to v2, and another checkout of the same project."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.shop = Shop(place, HOSTS, more=PATIENT.replace("30", "0", 1))
        self.shop.project.deploy("v1")
        toml = self.shop.project.directory / "shipway.toml"
        self.shop.repository.write("shipway.toml", toml.read_text().replace("watch_seconds = 0", "watch_seconds = 30"))
        self.shop.repository.commit("watch for long")
        self.elsewhere = place / "elsewhere"

    def switch_and_die(self) -> str:
        """The driver is killed while it watches v2 on every host; the id of its deployment."""
        driver = self.shop.project.start("deploy", "local", "--ref", "v2", "--json")
        assert driver.stdout is not None
        deployment, switched = "", set()
        for line in driver.stdout:
            event = json.loads(line)
            deployment = event.get("deployment") or deployment
            switched |= {event["host"]} if event.get("event") == "switched" else set()
            if len(switched) == len(HOSTS):
                break
        driver.kill()
        driver.communicate()
        self._await_calm()
        toml = self.shop.project.directory / "shipway.toml"
        self.shop.repository.write("shipway.toml", toml.read_text().replace("watch_seconds = 30", "watch_seconds = 0"))
        self.shop.repository.commit("watch no longer")
        self.shop.repository.git("clone", "--quiet", str(self.shop.project.directory), str(self.elsewhere))
        return deployment

    def _await_calm(self) -> None:
        """The sessions of a dead driver have noticed: until then their steps run, and nobody may change these hosts."""
        for path in self.shop.roots.values():
            with Root(str(path)) as root, Journal(root) as journal:
                eventually(partial(_is_calm, journal), f"no step runs in {path}")

    def run(self, *words: str, code: int | None) -> Said:
        """From the other checkout."""
        return self.shop.project.run(*words, cwd=self.elsewhere, code=code)

    def lose(self, host: str) -> None:
        """Everything of it ends, and nobody can reach it."""
        for pid in processes_of(self.shop.roots[host]):
            os.kill(pid, signal.SIGKILL)
        self._hide(host)

    def _hide(self, host: str) -> None:
        self.shop.roots[host].rename(self.place / f"{host}.away")
        self.shop.roots[host].write_text("no machine is here")

    def _show(self, host: str) -> None:
        self.shop.roots[host].unlink()
        (self.place / f"{host}.away").rename(self.shop.roots[host])

    @contextmanager
    def unreachable(self, host: str) -> Iterator[None]:
        """Nobody can reach it for a while; what runs there runs on."""
        self._hide(host)
        try:
            yield
        finally:
            self._show(host)

    def boot(self, host: str) -> None:
        """It is there again, nothing runs on it yet, and its init starts the supervisor."""
        self._show(host)
        root = self.shop.roots[host]
        agent = next((root / "agent").glob("*.pyz"))
        subprocess.run(
            [sys.executable, "-I", "-S", agent, "supervise", "--root", root, "--proxy", root / "proxy"],
            check=True,
            timeout=60,
        )

    def stage(self, host: str, deployment: str) -> tuple[str, int]:
        """What its record says of a deployment, and under which term."""
        with Root(str(self.shop.roots[host])) as root, Journal(root) as journal:
            attempt = journal.member().attempt(deployment)
        assert attempt is not None
        return attempt.stage, attempt.term

    def versions(self, *hosts: str) -> set[str]:
        return {self.shop.about(host)["version"] for host in hosts}


def _is_calm(journal: Journal) -> bool:
    return not journal.busy()


def test_a_lead_that_is_lost_undecided_is_written_off_and_the_others_go_on_without_it(place: Path) -> None:
    fleet = Fleet(place)
    deployment = fleet.switch_and_die()
    fleet.lose("a")
    said = fleet.run("resume", "local", code=3)
    assert deployment in said.text and "its lead a cannot be reached" in said.text
    assert "goes back to generation 1 by itself within" in said.text
    assert "shipway resume local" in said.text and "shipway abort local --lost a" in said.text
    assert "shipway abort local --lost a" in fleet.run("status", "local", code=4).text
    assert fleet.versions("b", "c") == {"2"}, "whoever only looks changes nothing"

    said = fleet.run("abort", "local", "--lost", "a", code=0)
    assert "undone on b and c" in said.text and "serves on b and c; a is written off" in said.text
    assert fleet.versions("b", "c") == {"1"}
    assert {fleet.stage(host, deployment)[0] for host in "bc"} == {"reverted"}

    toml = fleet.shop.project.directory / "shipway.toml"
    lines = [line for line in toml.read_text().splitlines() if 'name = "a"' not in line]
    fleet.shop.repository.write("shipway.toml", "\n".join(lines) + "\n")
    fleet.shop.repository.commit("without a")
    fleet.shop.project.deploy("v5")
    assert fleet.versions("b", "c") == {"5"}


def test_a_lost_lead_that_had_committed_alone_follows_the_others_before_it_serves_again(place: Path) -> None:
    fleet = Fleet(place)
    deployment = fleet.switch_and_die()
    with Root(str(fleet.shop.roots["a"])) as root, Journal(root) as journal:
        reply = journal.decide({"do": "commit", "deployment": deployment, "fence": 2}, clock.boot_now())
    assert reply == {"ok": True, "decision": "committed"}
    fleet.lose("a")

    with fleet.unreachable("c"):
        said = fleet.run("abort", "local", "--lost", "a", code=3)
    assert "every member that is not lost must be fenced first" in said.text and "--lost a --lost c" in said.text
    assert fleet.stage("b", deployment) == ("switched", 0), "nothing else was touched"
    fleet.run("abort", "local", "--lost", "a", code=0)
    assert fleet.versions("b", "c") == {"1"}
    assert fleet.stage("b", deployment) == fleet.stage("c", deployment) == ("reverted", 1)

    fleet.boot("a")
    eventually(lambda: fleet.stage("a", deployment) == ("reverted", 1), "a has heard of the decision of the others")
    eventually(lambda: _answers(fleet, "a") == "1", "a serves what the others serve")
    with Root(str(fleet.shop.roots["a"])) as root, Journal(root) as journal:
        assert [event["data"]["decision"] for event in journal.events(0, deployment, 1000, "heard")] == ["reverted"]
        assert journal.good() == [1]
        assert {row.generation for row in journal.processes()} == {1}, "what was overruled is not started again"
    fleet.shop.project.deploy("v5")
    assert fleet.versions(*HOSTS) == {"5"}


def _answers(fleet: Fleet, host: str) -> str:
    try:
        return str(fleet.shop.about(host)["version"])
    except (OSError, AssertionError):
        return ""
