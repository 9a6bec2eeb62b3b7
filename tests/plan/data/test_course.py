"""What a person calls an earlier state, and which restore points have the data of that time."""

from __future__ import annotations

from typing import Any

import pytest

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts, Json
from shipway.plan.data.course import Aim, aim, points_of
from tests.plan.fleet import facts, intent, release, serving

MADE = {1: 1000.0, 2: 2000.0, 3: 3000.0}
"""When the generations of the fleet were made."""


def test_a_release_is_called_as_for_a_rollback_and_says_what_took_its_place() -> None:
    found = aim("production", fleet(), "1.1", None)
    assert (found.target.number, found.at, found.replaced, found.until) == (1, None, 2, 2000.0)
    assert aim("production", fleet(), "@previous", None).target.number == 2
    assert aim("production", fleet(), "3", None).replaced is None


@pytest.mark.parametrize(("at", "number"), [(1000.0, 1), (1999.0, 1), (2000.0, 2), (9000.0, 3)])
def test_a_time_means_what_was_made_last_before_it(at: float, number: int) -> None:
    assert aim("production", fleet(), "2026-11-30", at).target.number == number


def test_a_release_that_is_called_like_a_time_is_a_release() -> None:
    assert aim("production", fleet(), "1.2", 1500.0).target.number == 2


def test_a_time_before_everything_that_is_known_is_refused() -> None:
    with pytest.raises(Refused, match="not known here any more"):
        aim("production", fleet(), "2020-01-01", 1.0)


def test_a_time_at_which_something_served_that_is_forgotten_is_not_guessed() -> None:
    said = said_by_hosts()
    for name in said:
        del said[name]["generations"]["2"]
    with pytest.raises(Refused, match="not known here any more"):
        aim("production", facts(said), "2026-11-30", 2500.0)
    assert aim("production", facts(said), "2026-11-30", 3500.0).target.number == 3


def test_the_point_right_before_what_took_its_place_has_all_that_was_written() -> None:
    points = [point("early", 1500.0), point("before-2", 2001.0, before=2), point("before-3", 3001.0, before=3)]
    assert names(to(1), points) == {"main": "before-2"}


def test_a_point_before_a_deployment_that_failed_is_older_than_needed() -> None:
    """Generation 2 of a fleet that has 1 and 3 never went live."""
    said = said_by_hosts()
    for name in said:
        said[name]["good"] = [3, 1]
    aimed = aim("production", facts(said), "1", None)
    assert names(aimed, [point("before-2", 2001.0, before=2), point("before-3", 3001.0, before=3)]) == {"main": "before-3"}


def test_where_none_was_taken_then_the_newest_of_its_time_counts() -> None:
    points = [point("older", 2100.0), point("nightly", 2500.0), point("before-2", 2001.0, before=2), point("later", 3500.0)]
    assert names(to(2), points) == {"main": "nightly"}


def test_one_before_the_target_itself_or_a_damaged_one_brings_nothing_back() -> None:
    assert names(to(2), [point("before-2", 2001.0, before=2), point("broken", 2500.0, damaged="bytes")]) == {}


def test_at_a_time_no_younger_point_counts() -> None:
    points = [point("noon", 2400.0), point("evening", 2600.0), point("before-3", 3001.0, before=3)]
    aimed = aim("production", fleet(), "2026-11-30", 2500.0)
    assert names(aimed, points) == {"main": "noon"}


def to(number: int) -> Aim:
    return aim("production", fleet(), str(number), None)


def names(aimed: Aim, points: list[Json]) -> dict[str, str]:
    return {name: str(one["point"]) for name, one in points_of(aimed, {"main": points}).items()}


def point(name: str, at: float, *, before: int | None = None, damaged: str = "") -> Json:
    return {"point": name, "at": at, "for": before, "damaged": damaged}


def said_by_hosts() -> dict[str, dict[str, Any]]:
    said = serving(intent(("a", "b")), [release(1), release(2), release(3)])
    for one in said.values():
        for number, document in one["generations"].items():
            document["made"] = MADE[int(number)]
    return said


def fleet() -> dict[str, HostFacts]:
    return facts(said_by_hosts())
