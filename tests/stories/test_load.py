"""Visitors of every kind come to three hosts all the time, and whatever is deployed, undone or taken back, nobody is failed or refused."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from load import Load, Outcome
from load.kinds import KINDS
from tests.stories.project import Said, phase_of
from tests.stories.shop import Shop

HOSTS = ("a", "b", "c")
RUN = {"port": "{python} app.py", "socket": "SOCKET=$SOCKET exec {python} app.py"}
TWO = "instances = 2"


Act = tuple[float, float | None, float]
"""When it began, when its first host switched (None where none did) and when it ended, seconds since the epoch."""


class Day:
    """What happened, act by act."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.acts: dict[str, Act] = {}

    def act(self, name: str, *words: str, code: int = 0, switched: bool = True) -> Said:
        """Run `shipway WORDS` and keep when it was."""
        began = time.time()
        said = self.shop.project.run(*words, code=code)
        switched_at = phase_of(self.shop.project.report(), "switch")[0] if switched else None
        self.acts[name] = began, switched_at, time.time()
        return said

    def deploy(self, ref: str, *, code: int = 0, switched: bool = True) -> Said:
        return self.act(ref, "deploy", "local", "--ref", ref, code=code, switched=switched)

    def rollback(self, name: str) -> None:
        self.act(name, "rollback", "local")


@pytest.mark.alone
@pytest.mark.timeout(300)
@pytest.mark.parametrize("listens", ["port", "socket"])
def test_nobody_notices_whatever_is_deployed(place: Path, listens: str) -> None:
    shop = Shop(place, HOSTS, settings=TWO, more="watch_seconds = 2", run=RUN[listens])
    day = Day(shop)
    shop.project.deploy("v1")
    with Load(*shop.doors.values(), scale=0.25) as load:
        day.deploy("v2")
        assert shop.version() == "2"
        report = shop.project.report()
        assert report["downtime_seconds"] == 0.0
        assert {host: said["decision"] for host, said in report["hosts"].items()} == dict.fromkeys(HOSTS, "committed")

        broken = day.deploy("v3", code=1, switched=False)
        assert "cannot start: behaviour.json says so" in broken.text
        assert shop.version() == "2"

        sick = day.deploy("v4", code=1)
        assert "503" in sick.text
        assert shop.project.serving() == "v2"
        assert shop.project.report()["downtime_seconds"] > 0, "its own page of health was down, and that is said"

        day.rollback("back to v1")
        assert shop.project.serving() == "v1"
        day.rollback("back to v2")
        assert shop.project.serving() == "v2", "a rollback can itself be rolled back"
        outcome = load.stop()
    assert outcome.failures == (), str(outcome)
    assert set(outcome.kinds) == set(KINDS) and all(totals.sent for totals in outcome.kinds.values())
    answered_in_time(outcome, day.acts)
    slow_ones_were_under_way(outcome, day.acts)


def answered_in_time(outcome: Outcome, acts: Mapping[str, Act]) -> None:
    """Each version answers only requests of a time when it was meant to serve; version 3 never was."""
    for_ever = float("inf")
    meant = {
        "1": [(0.0, acts["v2"][2]), (acts["back to v1"][0], acts["back to v2"][2])],
        "2": [(acts["v2"][0], acts["back to v1"][2]), (acts["back to v2"][0], for_ever)],
        "4": [(acts["v4"][0], acts["v4"][2])],
    }
    assert set(outcome.versions) == set(meant), str(outcome)
    wrong = [
        one for one in outcome.samples if not any(one.at <= end and one.at + one.seconds >= begin for begin, end in meant[one.version])
    ]
    assert wrong == []


def slow_ones_were_under_way(outcome: Outcome, acts: Mapping[str, Act]) -> None:
    """At each switch, requests of five seconds were under way that an earlier release had begun and that it finished.

    Not always the release before: version 4 lives for a second, and a rollback may be followed by the next within one; what the clients
    sent then may all be of before. So a request counts also that had begun before the switch before this one.
    """
    slow = [one for one in outcome.samples if one.kind == "slow"]
    before = 0.0
    for name, new in (("v2", "2"), ("v4", "4"), ("back to v1", "1"), ("back to v2", "2")):
        switched_at = acts[name][1]
        assert switched_at is not None
        under_way = [one for one in slow if one.at < switched_at < one.at + one.seconds]
        assert any(one.version != new or one.at < before for one in under_way), name
        before = switched_at
