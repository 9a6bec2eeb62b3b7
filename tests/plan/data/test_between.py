"""What stands between two generations: what goes back, in which order, with whose code, and what cannot."""

from __future__ import annotations

from typing import Any

import pytest

from shipway.plan.data.between import between


def test_what_was_applied_since_goes_back_newest_first() -> None:
    said = schema(["1", "2", "3"], {4: left(["1"]), 5: left(["1", "2", "3"])})
    found = between(said, 5, 4)
    assert found.back == ("3", "2")
    assert found.code == 5
    assert not found.in_the_way and not found.stays


def test_nothing_goes_back_to_where_the_schema_is_already() -> None:
    found = between(schema(["1"], {4: left(["1"]), 5: left(["1"])}), 5, 4)
    assert found.back == found.forward == ()


def test_forward_again_names_what_was_taken_back() -> None:
    found = between(schema(["1"], {5: left(["1", "2", "3"]), 6: left(["1"])}), 6, 5)
    assert found.forward == ("2", "3")
    assert found.back == ()


def test_a_release_lacks_what_was_taken_back_but_for_what_it_went_live_without() -> None:
    left_by = {4: left([]), 5: left(["1", "2"], phases={"2": "contract"}), 6: left([])}
    assert between(schema([], left_by), 6, 5).lacks == ("1",)
    overdue = {4: left([], known=["2"], phases={"2": "contract"}), **{number: left_by[number] for number in (5, 6)}}
    assert between(schema([], overdue), 6, 5).lacks == ("1", "2"), "an earlier release had brought it, so it ran before this one served"


def test_who_rolled_back_already_has_the_newer_code_take_the_schema_back() -> None:
    """Generation 6 is a copy of 4, whose release does not know what 5 brought."""
    said = schema(["1", "2"], {4: left(["1"]), 5: left(["1", "2"]), 6: left(["1"])})
    found = between(said, 6, 4)
    assert (found.code, found.strange) == (5, ())


def test_what_no_release_here_has_cannot_be_taken_back() -> None:
    found = between(schema(["1", "2"], {4: left(["1"]), 5: left(["1"])}), 5, 4)
    assert found.strange == ("2",)
    assert "no release that is here has it" in found.stays["2"]


def test_an_irreversible_one_says_why() -> None:
    said = schema(["1", "2"], {4: left(["1"]), 5: left(["1", "2"], irreversible={"2": ["there is no 2.down.sql"]})})
    found = between(said, 5, 4)
    assert found.stays == {"2": "there is no 2.down.sql"}
    assert found.in_the_way == {"2": "cannot be taken back: there is no 2.down.sql"}


def test_a_rollback_may_go_across_expand_migrations_and_no_others() -> None:
    said = schema(["1", "2", "3", "4"], {4: left(["1"]), 5: left(["1", "2", "3", "4"], phases={"3": "contract", "4": "held"})})
    assert sorted(between(said, 5, 4).in_the_way) == ["3", "4"]


def test_a_contract_migration_that_a_later_release_ran_is_still_one_for_the_release_before_it() -> None:
    """Overdue, it counts as expand in generation 6."""
    said = schema(
        ["1", "2"],
        {4: left(["1"]), 5: left(["1"], known=["1", "2"], phases={"2": "contract"}), 6: left(["1", "2"], phases={"2": "expand"})},
    )
    assert "2" in between(said, 6, 4).in_the_way
    assert not between(said, 6, 5).in_the_way, "the release of generation 5 is made for it"


@pytest.mark.parametrize(
    ("applied", "irreversible", "back"),
    [
        (["1", "2", "3"], {}, ("3",)),
        (["1", "2", "3"], {"2": ["drops a column"]}, ("3",)),
        (["1", "3", "2"], {}, ("2", "3")),
        (["1", "3", "2"], {"2": ["drops a column"]}, ("3",)),
    ],
)
def test_a_contract_migration_that_waited_stays_for_the_release_that_brought_it(
    applied: list[str], irreversible: dict[str, list[str]], back: tuple[str, ...]
) -> None:
    """Generation 4 brought 2, which ran in 5's deployment, overdue; it goes back only from above one that does."""
    said = schema(
        applied,
        {4: left(["1"], known=["1", "2"], phases={"2": "contract"}), 5: left(["1", "2", "3"], irreversible=irreversible)},
    )
    found = between(said, 5, 4)
    assert (found.back, found.stays) == (back, {})


def test_a_generation_that_left_no_word_of_its_schema_is_not_guessed() -> None:
    assert not between(schema(["1"], {5: left(["1"])}), 5, 4).known


def test_where_it_left_no_word_what_came_since_the_first_that_did_is_in_the_way() -> None:
    said = schema(
        ["1", "2", "3", "4"],
        {5: left(["1"]), 6: left(["1", "2", "3", "4"], phases={"3": "contract"}, irreversible={"1": ["no down"], "4": ["no down"]})},
    )
    found = between(said, 6, 4)
    assert (found.known, found.back, found.stays) == (False, (), {})
    assert sorted(found.in_the_way) == ["3", "4"]


def schema(applied: list[str], generations: dict[int, dict[str, Any]]) -> dict[str, Any]:
    return {"known": True, "applied": applied, "generations": {str(number): left for number, left in generations.items()}}


def left(
    applied: list[str],
    *,
    known: list[str] | None = None,
    phases: dict[str, str] | None = None,
    irreversible: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    phases_of = {name: (phases or {}).get(name, "expand") for name in (applied if known is None else known)}
    return {"applied": applied, "at": 1.0, "known": phases_of, "irreversible": irreversible or {}}
