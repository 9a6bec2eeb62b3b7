"""Ctrl-C, SIGTERM and kill -9 in each phase of a deployment to two hosts: it is whole or it is undone, and the next command just works."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.project import Said
from tests.stories.proof import Ground, commands_of, visit, wait_for
from tests.stories.shop import Shop
from tests.stories.test_errors import QUICK

TASKS = """
[[task]]
name = "compile"
run = "test ! -e media/slow || sleep 0.5"

[[task]]
name = "announce"
phase = "activate"
run = "sleep 0.5; echo announced >> media/told"
undo = "echo withdrawn >> media/told"

"""

PHASES = ("ship", "prepare", "activate", "start", "switch", "verify", "commit")


@pytest.fixture(scope="module")
def told(common_place: Path) -> list[Path]:
    """What the task `announce` and its undo write on each host."""
    return [common_place / host / "shared/media/told" for host in ("a", "b")]


@pytest.fixture(scope="module")
def ground(common_place: Path) -> Ground:
    shop = Shop(common_place, ("a", "b"), settings=TASKS, more=QUICK)
    return shop.ground(common_place)


def interrupted(ground: Ground, phase: str, number: signal.Signals) -> tuple[Said, str]:
    """Deploy the next version and send the signal as soon as the phase begins: how it ended, and the version."""
    version = ground.author.commit(start_seconds=0.5)
    began = time.monotonic()
    driver = ground.project.start("deploy", "local", "--json")
    # The decision is told when it is made; what comes right before it is the last proof.
    wait_for(driver, "barrier", name="verify") if phase == "commit" else wait_for(driver, "phase", name=phase)
    driver.send_signal(number)
    out, err = driver.communicate(timeout=100)
    return Said(("deploy", "local", "--json"), driver.returncode, out, err, time.monotonic() - began), version


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c(ground: Ground, phase: str, told: list[Path]) -> None:
    with ground.visited() as standing:
        said, version = interrupted(ground, phase, signal.SIGINT)
        standing.also = {f"200 {version}"} if phase in ("switch", "verify", "commit") else set()
    if said.code == 0:
        assert phase == "commit", said.text
        assert said.verdict["verdict"] == "live"
        assert {visit(door) for door in ground.doors.values()} == {f"200 {version}"}
        return
    assert said.verdict["verdict"] == "undone", said.text
    assert "interrupted in" in said.verdict["message"], said.text
    ground.stands(standing, said, code=1, names=["SIGINT: undoing", "shipway deploy local"])
    if phase == "activate":
        assert [file.read_text().splitlines()[-2:] for file in told] == [["announced", "withdrawn"]] * 2
    ground.goes_on(said, serves=version)


@pytest.mark.parametrize(("phase", "number"), [("prepare", signal.SIGTERM), ("start", signal.SIGHUP), ("verify", signal.SIGTERM)])
def test_an_end_from_outside_and_a_terminal_that_is_gone(ground: Ground, phase: str, number: signal.Signals) -> None:
    with ground.visited() as standing:
        said, version = interrupted(ground, phase, number)
        standing.also = {f"200 {version}"} if phase == "verify" else set()
    ground.stands(standing, said, code=1, names=[f"{number.name}: undoing", "shipway deploy local"])
    ground.goes_on(said, serves=version)


@pytest.mark.parametrize("phase", ["prepare", "start", "verify"])
def test_kill_9(ground: Ground, phase: str, told: list[Path]) -> None:
    with ground.visited() as standing:
        said, version = interrupted(ground, phase, signal.SIGKILL)
        standing.also = {f"200 {version}"}
        assert said.code == -signal.SIGKILL
        again = ground.project.run("deploy", "local", "--json")
    ground.unlocked(again, waits=True)
    if phase != "prepare":
        # The dead driver could not undo its task: whoever comes next does, once, and says so.
        assert [file.read_text().splitlines()[-3:] for file in told] == [["announced", "withdrawn", "announced"]] * 2
        assert "undone: announce of" in again.verdict["message"] and "on a, announce of" in again.verdict["message"], again.text
    assert {visit(door) for door in ground.doors.values()} == {f"200 {version}"}


def test_kill_9_and_somebody_asks_what_is_there(ground: Ground) -> None:
    with ground.visited() as standing:
        _, version = interrupted(ground, "verify", signal.SIGKILL)
        standing.also = {f"200 {version}"}
        told = ground.project.run("status", "local", code=None)
        assert told.code in (0, 4), told.text  # 0: a slow machine asked when the hosts had settled it by themselves
        # Heard a moment ago, the driver may live: attach. Silent for longer: resume.
        assert told.code == 0 or commands_of(told)[0] in (["attach", "local"], ["resume", "local"]), told.text
        resumed = ground.project.run("resume", "local", code=None)
        assert resumed.code in (0, 1), resumed.text  # 0: the hosts had settled it by then; 1: it was undone now
        assert "undone: announce of" in resumed.text, resumed.text
    ground.untouched(standing)
    ground.project.run("deploy", "local")


PAGE_BYTES = 4096
"""The smallest pipe: a deployment says more."""

CTRL_S, CTRL_Q = b"\x13", b"\x11"


def test_a_pager_that_nobody_turns(ground: Ground) -> None:
    """The program waits with its last words for a reader that stands still, and with nothing before."""
    version = ground.author.commit()
    driver = ground.project.start("deploy", "local", "--json")
    assert driver.stdout is not None
    fcntl.fcntl(driver.stdout, fcntl.F_SETPIPE_SZ, PAGE_BYTES)
    _goes_live_unread(ground, version)
    assert driver.poll() is None
    out, err = driver.communicate(timeout=100)
    assert driver.returncode == 0, out + err
    assert len(out) > PAGE_BYTES
    assert [json.loads(line) for line in out.splitlines()][-1]["verdict"] == "live"


def test_a_terminal_that_is_held_with_ctrl_s(ground: Ground) -> None:
    """Who lets it go sees how it ended, and no table that was old before it was seen."""
    version = ground.author.commit()
    ours, theirs = pty.openpty()
    os.write(ours, CTRL_S)
    driver = ground.project.start("deploy", "local", env={"TERM": "xterm"}, stdout=theirs)
    os.close(theirs)
    try:
        _goes_live_unread(ground, version)
        assert driver.poll() is None
        os.write(ours, CTRL_Q)
        seen = b"".join(_read(ours))
    finally:
        os.close(ours)
        driver.communicate(timeout=100)
    assert driver.returncode == 0
    assert b"LIVE: " in seen
    assert len(seen) < PAGE_BYTES, seen.decode()


def _goes_live_unread(ground: Ground, version: str) -> None:
    """Wait until every host serves the version and has settled, as somebody else sees it."""
    deadline = time.monotonic() + 100
    while {visit(door) for door in ground.doors.values()} != {f"200 {version}"} or ground.project.run("status", "local", code=None).code:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _read(terminal: int) -> Iterator[bytes]:
    """What comes to a terminal until nobody writes to it any more."""
    while True:
        try:
            yield os.read(terminal, 65536)
        except OSError:
            return
