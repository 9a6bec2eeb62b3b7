"""Four hosts in two batches, visitors at every door: what fails in the second is undone in both, and a dead driver leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from load import Load
from tests.stories.project import eventually
from tests.stories.proof import visit, wait_for
from tests.stories.shop import Shop

HOSTS = ("a", "b", "c", "d")
BATCHES = [["b", "c"], ["d", "a"]]
TIMES = "watch_seconds = 1\nlease_seconds = 6\nconfirm_seconds = 8"
ROLLING = 'strategy = "rolling"\nbatch_hosts = 2\nfloor_hosts = 2\nkey_pages = ["/version"]'
WORN = "test -e media/worn -a $(cat VERSION) = 2 && export SAMPLE_BEHAVIOUR=$(cat media/worn); exec {python} app.py"
"""Version 2 turns sick where the host is worn, once somebody came: the proof itself does, for it asks the key page."""


@pytest.mark.alone
@pytest.mark.timeout(300)
def test_what_fails_in_the_second_batch_is_undone_in_both_and_a_dead_driver_leaves_nothing(place: Path) -> None:
    shop = Shop(place, HOSTS, more=f"{TIMES}\n{ROLLING}", run=WORN)
    shop.project.deploy("v1")
    worn = shop.roots["d"] / "shared/media/worn"
    worn.write_text('{"sick_after_seconds": 0}')
    with Load(*shop.doors.values(), scale=0.1) as load:
        said = shop.project.deploy("v2", code=1)
        assert "503" in said.text and "batch 1 of 2 (b, c)" in said.text
        assert shop.version() == "1"
        report = shop.project.report()
        assert report["batches"] == BATCHES
        assert {host: (one["switched"] is not None, one["decision"]) for host, one in report["hosts"].items()} == dict.fromkeys(
            HOSTS, (True, "reverted")
        )
        worn.unlink()

        driver = shop.project.start("deploy", "local", "--ref", "v2", "--json")
        wait_for(driver, "phase", name="start", wave="others serve", batch=2)
        driver.kill()
        driver.communicate()
        eventually(lambda: settled_on(shop, "1"), "the fleet settles on what served before, by itself", 90)

        shop.project.deploy("v2")
        assert shop.version() == "2"
        outcome = load.stop()
    assert outcome.failures == (), str(outcome)


def settled_on(shop: Shop, version: str) -> bool:
    """Whether the hosts agree on a release, and every front door serves this version."""
    said = shop.project.run("status", "local", "--json", code=None).lines[0]
    served = {visit(door).rpartition(" ")[2] for door in shop.doors.values()}
    return bool(said["agrees"]) and {host["version"] for host in said["hosts"]} == {f"v{version}"} and served == {version}
