"""Three hosts on this machine: all go together or none goes, whoever fails or dies on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.stories.shop import Shop

HOSTS = ("a", "b", "c")

PICKY = """
[[task]]
name = "look"
run = "test ! -e media/broken || { echo the disk of this host is worn out; exit 7; }"

"""


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
