"""What a person calls an earlier generation: one is meant, or the candidates are named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts
from shipway.plan.target import find_target, lacking, lenders, prepare_tasks
from tests.plan.fleet import changed, facts, fresh, host, intent, release, serving

WANTED = intent(("a", "b"))
ONE, TWO, THREE = release(1), release(2), release(3)


def number(said: dict[str, dict[str, Any]], words: str) -> int:
    return find_target("production", facts(said), words).number


@pytest.mark.parametrize(
    ("words", "expected"),
    [("1", 1), ("2", 2), ("1.1", 1), ("1.3", 3), ("1ddd", 1), ("2" + "d" * 63, 2), ("1ccc", 1), ("3CCCC", 3), ("@previous", 2)],
)
def test_each_way_to_name_a_generation(words: str, expected: int) -> None:
    assert number(serving(WANTED, [ONE, TWO, THREE]), words) == expected


def test_previous_is_what_was_current_before_the_last_committed_switch() -> None:
    assert number(serving(WANTED, [ONE, TWO]), "@previous") == 1
    assert number(serving(WANTED, [ONE, TWO, ONE]), "@previous") == 2, "a rollback of the rollback goes forward"
    said = serving(WANTED, [ONE, TWO])
    for name in said:
        failed = {**said[name]["member"]["attempts"][-1], "deployment": "3-x", "fence": 3, "stage": "reverted", "base": 2}
        said[name]["member"]["attempts"].append(failed)
    assert number(said, "@previous") == 1, "an undone deployment is not counted"


def test_previous_is_known_even_when_the_deployment_is_forgotten() -> None:
    said = serving(WANTED, [ONE, TWO, THREE])
    for name in said:
        said[name]["member"]["attempts"] = []
    assert number(said, "@previous") == 2


def test_of_several_generations_of_one_release_the_newest_is_meant_that_every_host_has() -> None:
    said = serving(WANTED, [ONE, TWO, ONE, TWO])
    assert number(said, "1.1") == 3
    del said["b"]["generations"]["3"]
    assert number(said, "1.1") == 1


@pytest.mark.parametrize("words", ["9", "1.9", "dddd", "ccc", "1d", "", "@last"])
def test_what_means_nothing_is_refused_with_the_candidates(words: str) -> None:
    with pytest.raises(Refused) as raised:
        number(serving(WANTED, [ONE, TWO]), words)
    assert raised.value.code == "target-unknown"
    assert [line.split(":")[0] for line in raised.value.details] == ["2", "1"]


def test_two_releases_that_fit_are_both_named() -> None:
    twin = replace(TWO, digest="1ddde" + "0" * 59)
    with pytest.raises(Refused) as raised:
        number(serving(WANTED, [ONE, twin, THREE]), "1ddd")
    assert raised.value.code == "target-ambiguous"
    assert [line.split(":")[0] for line in raised.value.details] == ["2", "1"]


def test_a_generation_that_was_never_committed_is_no_target() -> None:
    said = serving(WANTED, [ONE, TWO])
    for name in said:
        said[name]["generations"]["3"] = {**said[name]["generations"]["2"], "number": 3}
    with pytest.raises(Refused, match="generation 3 of production was never proved"):
        number(said, "3")


def test_previous_is_the_fleet_s_also_where_a_host_was_elsewhere_before() -> None:
    said = serving(WANTED, [ONE, TWO, THREE])
    said["b"]["member"]["attempts"][-1]["base"] = 1
    assert number(said, "@previous") == 2
    assert number({**said, "b": fresh("b")}, "@previous") == 2, "a bare machine had nothing before, and does not matter"


def test_previous_looks_through_repairs_to_what_served_before_them() -> None:
    said = serving(WANTED, [ONE, TWO, TWO, TWO])
    for name in said:
        said[name]["generations"]["3"] |= {"kind": "repair", "same_as": [2]}
        said[name]["generations"]["4"] |= {"kind": "repair", "same_as": [2, 3]}
    assert number(said, "@previous") == 1
    for name in said:
        said[name]["generations"]["4"] = {**said[name]["generations"]["4"], "same_as": [], "source": 1}
    assert number(said, "@previous") == 3, "a rollback is what it is a copy of"


def test_there_is_nothing_to_go_back_to_behind_the_repair_of_the_first_release() -> None:
    said = serving(WANTED, [ONE, ONE])
    for name in said:
        said[name]["generations"]["2"] |= {"kind": "repair", "same_as": [1]}
    with pytest.raises(Refused) as raised:
        number(said, "@previous")
    assert raised.value.code == "no-previous"


def test_a_host_lacks_a_generation_also_when_its_release_is_gone() -> None:
    said = serving(WANTED, [ONE, TWO])
    said["b"] = changed(said["b"], releases=[TWO.digest])
    found: dict[str, HostFacts] = facts(said)
    assert lacking(found, 1) == ("b",) and lacking(found, 2) == () and lacking(found, 7) == ("a", "b")


def test_a_member_with_the_same_roles_lends_a_generation_to_one_that_lacks_it() -> None:
    wanted = intent(("a", "b", "c"))
    said = facts({**serving(wanted, [ONE, TWO]), "b": fresh("b")})
    assert lenders(wanted, said, 1, "b") == ("a", "c")
    web = replace(wanted, environment=replace(wanted.environment, hosts=(host("a", ["web"]), host("b", ["db"]), host("c", ["db", "web"]))))
    assert lenders(web, said, 1, "b") == (), "on hosts of other roles it is another generation"


def test_what_prepare_tasks_made_is_not_lent() -> None:
    wanted = intent(("a", "b"))
    said = {**serving(wanted, [ONE, TWO]), "b": fresh("b")}
    said["a"]["generations"]["1"] |= {"tasks": ["install", "migrate"], "activate": [{"name": "migrate"}]}
    assert prepare_tasks(said["a"]["generations"]["1"]) == ("install",)
    assert lenders(wanted, facts(said), 1, "b") == ()
    said["a"]["generations"]["1"] |= {"tasks": ["migrate"]}
    assert lenders(wanted, facts(said), 1, "b") == ("a",)
