"""A worker with 20 minutes to finish outlives the command, overlaps later deployments, and its time is neither shortened nor doubled."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

from tests.stories.project import eventually, processes_of
from tests.stories.proof import marker_of
from tests.stories.shop import QUICK, Shop

DRAIN_SECONDS = 1200
WORKER = f"""
[process.worker]
run = "trap 'told=1' TERM; until test \\"$told\\" && test -e media/finish; do sleep 0.2; done"
drain_seconds = {DRAIN_SECONDS}
"""
"""It works on after SIGTERM, until its job is done: the test says when, and no clock does."""

LEFT = re.compile(r"worker\.1 of generation (\d+) still finishes \(\w+\), at most (\d+) s more")


def workers(shop: Shop) -> dict[str, int]:
    """The worker of each generation that runs: its pid by the generation's number."""
    found: dict[str, int] = {}
    for pid in sorted(processes_of(shop.place), reverse=True):
        parts = marker_of(pid).split("/")
        if len(parts) > 2 and parts[2] == "worker" and b"trap" in Path(f"/proc/{pid}/cmdline").read_bytes():
            found[parts[1]] = pid
    return found


def left(shop: Shop) -> dict[str, int]:
    """What status says of old workers: seconds left by generation."""
    said = shop.project.run("status", "local", "--quick", code=None)
    return {number: int(seconds) for number, seconds in LEFT.findall(said.text)}


def supervisor(shop: Shop) -> int:
    """The pid of the process that holds the application's processes."""
    words = f"supervise\0--root\0{shop.root}\0".encode()
    return next(pid for pid in processes_of(shop.place) if words in Path(f"/proc/{pid}/cmdline").read_bytes())


def test_a_long_drain_outlives_commands_deployments_and_its_supervisor(place: Path) -> None:
    shop = Shop(place, settings=WORKER, more=QUICK)
    shop.project.deploy("v1")
    began = time.monotonic()
    second = shop.project.deploy("v2")
    assert re.search(r"still finishing: worker\.1 of generation 1 on a, at most ", second.text), second.text
    assert DRAIN_SECONDS - (time.monotonic() - began) - 5 <= left(shop)["1"] <= DRAIN_SECONDS

    shop.project.deploy("v5")
    assert shop.version() == "5"
    running = workers(shop)
    assert len(running) == 3, "both old workers finish beside the new one"

    before, at = left(shop), time.monotonic()
    assert set(before) == {"1", "2"}
    os.kill(supervisor(shop), signal.SIGKILL)
    shop.project.deploy("v5")  # nothing is to be shipped; the supervisor is started again
    eventually(lambda: set(left(shop)) >= {"1", "2"}, "the new supervisor has found both again")
    after, passed = left(shop), time.monotonic() - at
    for number, seconds in before.items():
        assert seconds - passed - 5 <= after[number] <= seconds + 1, f"{before} became {after} within {passed:.0f} s"
    assert running.items() <= workers(shop).items(), "the very same processes"

    (shop.root / "shared/media/finish").touch()
    eventually(lambda: left(shop) == {} and len(workers(shop)) == 1, "old workers end when their job is done", 60.0)
    assert shop.project.calm()["agrees"] is True
