"""Three hosts on this machine: all go together or none goes, whoever fails or dies on the way."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from load import Load
from tests.stories.shop import Shop

HOSTS = ("a", "b", "c")

MIGRATION = """
[[task]]
name = "compile"
run = "test ! -e media/slow || sleep 3"

[[task]]
name = "migrate"
phase = "activate"
once = true
run = "sleep 1; echo $RELEASE >> media/migrated"

"""

PICKY = """
[[task]]
name = "look"
run = "test ! -e media/broken || { echo the disk of this host is worn out; exit 7; }"

"""


@pytest.mark.alone
def test_the_whole_story_under_load(place: Path) -> None:
    shop = Shop(place, HOSTS, more="watch_seconds = 3")
    shop.project.deploy("v1")
    with Load(*shop.doors.values(), scale=0.4) as load:
        shop.project.deploy("v2")
        assert shop.version() == "2"
        shop.project.deploy("v3", code=1)
        assert shop.version() == "2"
        shop.project.deploy("v4", code=1)
        assert shop.project.serving() == "v2"
        shop.project.rollback()
        assert shop.project.serving() == "v1"
        outcome = load.stop()
    assert outcome.failures == (), str(outcome)
    assert set(outcome.versions) <= {"1", "2", "4"}
    report = shop.project.report()
    assert set(report["hosts"]) == set(HOSTS)
    assert all(host["decision"] == "committed" for host in report["hosts"].values())


def test_a_task_that_fails_on_one_host_activates_nothing_anywhere(place: Path) -> None:
    shop = Shop(place, HOSTS, settings=PICKY)
    shop.project.deploy("v1")
    pids = {host: shop.about(host)["pid"] for host in HOSTS}
    (shop.roots["b"] / "shared/media/broken").touch()
    said = shop.project.deploy("v2", code=1)
    assert "the disk of this host is worn out" in said.text
    assert "b" in said.text
    assert {host: shop.about(host)["pid"] for host in HOSTS} == pids
    (shop.roots["b"] / "shared/media/broken").unlink()
    shop.project.deploy("v2")
    assert shop.version() == "2"


def test_a_slow_host_never_serves_new_code_before_the_migration_ended(place: Path) -> None:
    shop = Shop(place, HOSTS, settings=MIGRATION)
    shop.project.deploy("v1")
    (shop.roots["c"] / "shared/media/slow").touch()
    seen: list[tuple[float, str, str]] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            for host in HOSTS:
                seen.append((time.monotonic(), host, shop.about(host)["version"]))
            time.sleep(0.02)

    visitor = threading.Thread(target=watch)
    visitor.start()
    try:
        migrated_at = None
        driver = shop.project.start("deploy", "local", "--ref", "v2", "--json")
        assert driver.stdout is not None
        for line in driver.stdout:
            event = json.loads(line)
            if event["event"] == "step" and "migrate" in event["data"]["key"] and event["data"]["state"] == "done":
                migrated_at = time.monotonic()
        driver.communicate(timeout=60)
        assert driver.returncode == 0
    finally:
        ended.set()
        visitor.join()
    assert migrated_at is not None
    first_new = min(at for at, _, version in seen if version == "2")
    assert first_new > migrated_at - 0.5  # the event reaches us a moment after the task ended
    migrations = [root / "shared/media/migrated" for root in shop.roots.values()]
    assert sorted(file.read_text() for file in migrations if file.exists()) == [migrations[0].read_text()]
    assert len(migrations[0].read_text().splitlines()) == 2, "once for each deployment"


@pytest.mark.parametrize("moment", ["leased", "barrier", "switched", "proved", "decided"])
def test_the_driver_is_killed_and_another_machine_settles_it(place: Path, moment: str) -> None:
    shop = Shop(place, HOSTS)
    shop.project.deploy("v1")
    driver = shop.project.start("deploy", "local", "--ref", "v2", "--json")
    assert driver.stdout is not None
    for line in driver.stdout:
        if json.loads(line).get("event") == moment:
            break
    driver.kill()
    driver.communicate()
    elsewhere = place / "elsewhere"
    shop.repository.git("clone", "--quiet", str(shop.project.directory), str(elsewhere))
    settled = shop.project.run("resume", "local", cwd=elsewhere, code=None)
    assert settled.code in (0, 1), settled.text
    serving = shop.project.serving()
    assert serving in {"decided": ("v2",), "proved": ("v1", "v2")}.get(moment, ("v1",)), settled.text
    assert shop.version() == serving[1]
    shop.project.deploy("v5")
    assert shop.version() == "5"


def test_a_host_that_is_not_in_the_configuration_any_more_is_not_forgotten(place: Path) -> None:
    shop = Shop(place, HOSTS)
    shop.project.deploy("v1")
    text = (shop.project.directory / "shipway.toml").read_text()
    shop.repository.write("shipway.toml", "\n".join(line for line in text.splitlines() if 'name = "b"' not in line) + "\n")
    shop.repository.commit("without b")
    said = shop.project.run("deploy", "local", code=3)
    assert "b" in said.text
    assert shop.version() == "1"
