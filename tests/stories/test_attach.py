"""Everyone can see: who attaches from another checkout is told what the driver tells, ends as it ends, and never disturbs it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stories.project import Project, Said, eventually
from tests.stories.proof import wait_for
from tests.stories.shop import Shop

TASKS = """
[[task]]
name = "look"
phase = "activate"
run = "echo looking; while test -e media/stay; do sleep 0.1; done; echo seen"
timeout_seconds = 100

"""
pytestmark = pytest.mark.timeout(300)
TIMES = "watch_seconds = 2\nlease_seconds = 9\nconfirm_seconds = 9"


@pytest.fixture(scope="module")
def shop(common_place: Path) -> Iterator[Shop]:
    shop = Shop(common_place, ("a", "b"), settings=TASKS, more=TIMES)
    shop.project.deploy("v1")
    yield shop


@pytest.fixture(scope="module")
def elsewhere(shop: Shop) -> Project:
    """Another checkout of the same project, which has told and remembers nothing."""
    directory = shop.place / "elsewhere"
    shutil.copytree(shop.project.directory, directory, ignore=lambda folder, names: {".shipway"} & set(names))
    other = Project(shop.repository, "local")
    other.directory = directory
    return other


@pytest.fixture(autouse=True)
def started(shop: Shop, elsewhere: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a story leaves running when it fails ends with it: the next one begins with a fleet of its own."""
    running: list[subprocess.Popen[str]] = []
    for project in (shop.project, elsewhere):
        monkeypatch.setattr(project, "start", _kept(project, running))
    yield
    for command in running:
        if command.poll() is None:
            command.kill()
            command.communicate()


def _kept(project: Project, running: list[subprocess.Popen[str]]) -> Callable[..., subprocess.Popen[str]]:
    start = project.start

    def begin(*words: str, **more: Any) -> subprocess.Popen[str]:
        running.append(start(*words, **more))
        return running[-1]

    return begin


def ended(command: subprocess.Popen[str], *words: str) -> Said:
    out, err = command.communicate(timeout=100)
    return Said(words, command.returncode, out, err, 0.0)


def hold_up(shop: Shop) -> list[Path]:
    """The task of the next deployment stays until these files are gone."""
    files = [root / "shared/media/stay" for root in shop.roots.values()]
    for file in files:
        file.touch()
    return files


def test_two_watch_a_deployment_from_elsewhere_and_a_third_is_refused(shop: Shop, elsewhere: Project) -> None:
    stay = hold_up(shop)
    driver = shop.project.start("deploy", "local", "--ref", "v2", "--json")
    deployment = wait_for(driver, "output", line="looking")["deployment"]
    plain, lines = elsewhere.start("attach", "local"), elsewhere.start("attach", "local", deployment[:3], "--json")
    watching = wait_for(lines, "output", line="looking")
    assert watching["deployment"] == deployment

    status = elsewhere.run("status", "local", code=None)
    assert f"deployment {deployment} of " in status.text and "in phase activate, 'run look' runs for" in status.text
    assert "its lease runs out in" in status.text and "its driver was heard" in status.text
    refused = elsewhere.run("deploy", "local", "--ref", "v5", code=3)
    assert f"{deployment} holds the lease of a" in refused.text and "in phase activate, 'run look' runs for" in refused.text
    assert "shipway attach local" in refused.text

    gone = elsewhere.start("attach", "local", "--json")
    wait_for(gone, "output", line="looking")
    gone.send_signal(signal.SIGINT)
    left = ended(gone, "attach", "--json")
    assert left.code == 4 and "the watching ends; the deployment goes on" in left.err
    assert json.loads(left.out.splitlines()[-1])["verdict"] == "interrupted"

    for file in stay:
        file.unlink()
    deployed, seen, told = ended(driver, "deploy"), ended(plain, "attach"), ended(lines, "attach", "--json")
    assert (deployed.code, seen.code, told.code) == (0, 0, 0), deployed.text + seen.text + told.text
    assert told.verdict["message"].startswith("v2 is live in local") and "LIVE: v2 is live in local" in seen.text
    for part in ("| looking", "| seen", "-- ready -- all hosts", "switch: ", "decided: committed"):
        assert part in seen.text, seen.text
    counted = [sum(line["event"] == kind for line in told.lines) for kind in ("switched", "proved", "decided")]
    assert counted == [2, 2, 1], "each once, as the driver tells it"

    again = elsewhere.run("attach", "local")
    assert "LIVE: v2 is live in local" in again.text and "| seen" in again.text, "nothing goes on: the last one is told"
    shown = elsewhere.run("show", "local", deployment)
    assert "run look" in shown.text and "start web" in shown.text, "its steps are remembered by its hosts"


def test_a_driver_that_is_killed_is_missed_and_the_hosts_are_watched_to_their_own_decision(shop: Shop, elsewhere: Project) -> None:
    before = shop.version()
    stay = hold_up(shop)
    driver = shop.project.start("deploy", "local", "--ref", "v5", "--json")
    wait_for(driver, "output", line="looking")
    watching = elsewhere.start("attach", "local", "--json")
    wait_for(watching, "output", line="looking")
    for file in stay:
        file.unlink()
    wait_for(driver, "switched")
    driver.kill()
    driver.communicate(timeout=30)
    status = elsewhere.run("status", "local", code=None)
    told = ended(watching, "attach", "--json")
    decided = {line["data"]["decision"] for line in told.lines if line["event"] in ("decided", "told")}
    if told.code == 0:  # the signal came too late on a slow machine, and the driver had decided
        assert decided == {"committed"}, told.text
        return
    # Hosts that have settled by the time that a slow machine asks have nothing to say of a driver.
    assert status.code == 0 or "this host decides by itself within" in status.text, status.text
    assert (told.code, told.verdict["verdict"], decided) == (1, "undone", {"reverted"}), told.text  # one had switched: the lead decides
    waited = [line["data"] for line in told.lines if line["event"] == "waiting" and "hosts decide by themselves" in line["data"]["what"]]
    assert waited and all(one["bound_seconds"] <= 8.0 for one in waited), told.text
    eventually(lambda: shop.version() == before, "what served before serves")
    assert elsewhere.run("attach", "local", code=1).text.count("UNDONE") == 1


def test_whoever_comes_after_a_killed_driver_hears_for_whom_he_waits_and_until_when(shop: Shop, elsewhere: Project) -> None:
    stay, ref = hold_up(shop), "v1" if shop.version() == "2" else "v2"
    driver = shop.project.start("deploy", "local", "--ref", ref, "--json")
    deployment = wait_for(driver, "output", line="looking")["deployment"]
    driver.kill()
    driver.communicate()
    for file in stay:
        file.unlink()
    said = elsewhere.run("deploy", "local", "--ref", ref, "--json")
    waits = [line for line in said.lines if line.get("event") == "waiting" and f"({deployment})" in line["data"]["what"]]
    assert waits and waits[0]["host"] == "a", said.text
    assert re.search(r"who was heard \d+ s ago, to be renewed or to run out in \d+ s$", waits[0]["data"]["what"]), waits
    assert said.verdict["verdict"] == "live"
