"""A closed laptop: the driver is stopped after the switch, hosts and another operator go on without it, and when it wakes it is told so."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.stories.project import Said
from tests.stories.proof import wait_for
from tests.stories.shop import Shop

TIMES = "watch_seconds = 4\nlease_seconds = 8\nconfirm_seconds = 8"


def test_a_driver_that_wakes_up_late_is_refused_and_says_what_became_of_its_deployment(place: Path) -> None:
    shop = Shop(place, ("a", "b"), more=TIMES)
    shop.project.deploy("v1")
    driver = shop.project.start("deploy", "local", "--ref", "v2", "--json")
    wait_for(driver, "switched")
    driver.send_signal(signal.SIGSTOP)
    try:
        other = shop.project.run("deploy", "local", "--ref", "v5", "--json")
        served = shop.version()
    finally:
        driver.send_signal(signal.SIGCONT)
    out, err = driver.communicate(timeout=100)
    woken = Said(("deploy",), driver.returncode, out, err, 0.0)
    assert served == "5"
    assert shop.version() == "5", "the late driver has changed nothing"
    decided = [line["data"]["decision"] for line in woken.lines if line["event"] == "decided"]
    if woken.code == 0:  # the signal came too late on a slow machine: what it had decided stood until the other came
        assert decided == ["committed"], woken.text
        return
    assert (woken.code, woken.verdict["verdict"]) == (1, "undone"), woken.text
    said = woken.verdict["message"]
    assert "was not heard for longer than its lease" in said, said
    assert f"{other.verdict['deployment']} of " in said, said
    assert "has come since" in said, said
    assert "v5 serves everywhere" in woken.verdict["data"]["state"], woken.text
    assert "shipway status local" in woken.verdict["hint"], woken.text
    assert "v5" in shop.project.run("status", "local", code=None).text, "and what it says to type works"
