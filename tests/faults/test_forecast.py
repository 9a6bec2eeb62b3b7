"""How many cases come is known before they run, and every name is there once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.case import Case, Family, Group
from tests.faults.choice import Choice
from tests.faults.forecast import Forecast, enumerate_cases, forecast
from tests.faults.ground import Ground
from tests.faults.groups import groups
from tests.faults.matrix import Matrix, chosen


def cases(ground: Ground) -> list[Case]:
    return [Case(f"{ground.lead} {number}", lambda _: None) for number in range(10)]


KNOWN = Family("known-2", 2, cases, seconds=6.0)
LOOKS = Family("looks-3", 3, cases, looks=True, about=100, seconds=60.0)
GROUP = Group("made", (KNOWN, LOOKS))


def test_what_needs_no_fleet_is_counted_and_the_rest_is_said_to_be_a_guess() -> None:
    coming = forecast([(GROUP, KNOWN), (GROUP, LOOKS)], Choice(), set())
    assert (coming.cases, coming.guessed) == (110, 100)
    assert coming.told(1) == "about 110 cases (100 of them counted once a fleet stands), about 1 h 42 min; more on a busy machine"
    assert forecast([(GROUP, KNOWN)], Choice(step=4), set()).told(2) == "3 cases, about 1 min, 2 fleets at once; more on a busy machine"


def test_variants_are_counted_where_they_are_wanted() -> None:
    varied = replace(LOOKS, variants=4)
    assert forecast([(GROUP, varied)], Choice(), set()).cases == 100
    assert forecast([(GROUP, varied)], Choice(variants=True), set()).cases == 400


def test_what_went_well_before_is_not_counted_again() -> None:
    coming = forecast([(GROUP, KNOWN), (GROUP, LOOKS)], Choice(), {"made/known-2/a 3", "made/looks-3/a 1", "made/looks-3/a 2"})
    assert (coming.cases, coming.guessed) == (107, 98)
    assert forecast([(GROUP, KNOWN)], Choice(), {f"made/known-2/a {number}" for number in range(10)}) == Forecast(0, 0, 15.0)


@pytest.mark.parametrize("group", groups(), ids=lambda group: group.name)
def test_every_case_that_needs_no_fleet_has_a_name_of_its_own(group: Group, tmp_path: Path) -> None:
    known = [(group, family) for group, family in chosen([group], []) if not family.looks]
    names: list[str] = []
    with Matrix(tmp_path) as matrix:
        counts = enumerate_cases(matrix, known, names.append)
    assert len(set(names)) == len(names) == counts.total()
    assert all(name.startswith(f"{group.name}/") for name in names)
    assert all(family.about > 0 for family in group.families if family.looks)
