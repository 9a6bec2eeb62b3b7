"""What a host says, typed: every key is checked, and a wrong one is named with its path."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.model.errors import HostError
from shipway.plan.facts import behind, next_number, open_notes, read_facts, recorded_members
from shipway_agent import decide
from tests.plan.fleet import changed, facts, fresh, intent, release, serving

SERVING = serving(intent(("a", "b")), [release(1), release(2)])


def test_what_the_agent_journals_is_what_is_read() -> None:
    member = decide.Member("a")
    lease = {
        "do": "lease",
        "deployment": "1-x",
        "fence": 1,
        "owner": "ann",
        "seconds": 30.0,
        "lead": "a",
        "members": ["a"],
        "confirm_seconds": 60.0,
    }
    for message in (lease, {"do": "vote", "deployment": "1-x", "fence": 1, "peers": ["127.0.0.1:7"]}):
        member, reply = decide.handle(member, message, 10.0)
        assert reply["ok"], reply
    found = read_facts("a", {**fresh("a"), "member": decide.to_json(member)})
    attempt = found.member.attempt("1-x")
    assert attempt is not None and attempt.stage == "prepared" and attempt.document["peers"] == ["127.0.0.1:7"]
    assert found.member.lease is not None and found.member.lease.owner == "ann" and found.member.lease.until == 40.0


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("hello", "python"), 3, "facts.hello.python: should be text, got int 3"),
        (("member", "attempts", 0, "fence"), "1", "facts.member.attempts[0].fence: should be a whole number, got str '1'"),
        (("generations",), {"x": {}}, "facts.generations: should be numbers as keys, got dict"),
        (("releases",), None, "facts.releases: should be a list, got nothing"),
        (("supervisor", "running"), "yes", "facts.supervisor.running: should be true or false"),
        (("processes", 0, "since"), [], "facts.processes[0].since: should be a number"),
    ],
)
def test_a_key_that_is_not_as_agreed_is_named(path: tuple[Any, ...], value: Any, says: str) -> None:
    said = copy.deepcopy(SERVING["a"])
    _put(said, path, value)
    with pytest.raises(HostError) as raised:
        read_facts("a", said)
    assert raised.value.host == "a" and raised.value.code == "facts"
    assert raised.value.message.startswith(says)


@given(st.data())
def test_whatever_a_host_says_the_answer_is_facts_or_one_named_error(data: st.DataObject) -> None:
    said = copy.deepcopy(SERVING["b"])
    path = data.draw(st.sampled_from(list(_paths(said))))
    _put(said, path, data.draw(st.sampled_from([None, "x", 7, -1.5, True, [], [[]], {}, {"a": 1}, [None]])))
    try:
        read_facts("b", said)
    except HostError as error:
        assert error.message.startswith("facts")


def test_the_next_number_is_above_everything_any_host_has_seen() -> None:
    said = serving(intent(("a", "b")), [release(1), release(2)], only=["a"])
    assert next_number(facts(said)) == 3
    said["b"]["member"]["fence"] = 9
    assert next_number(facts(said)) == 10
    said["b"]["generations"]["12"] = said["a"]["generations"]["1"]
    assert next_number(facts(said)) == 13
    assert next_number(facts({"a": fresh("a")})) == 1


def test_recorded_members_are_those_of_the_newest_committed_deployment() -> None:
    said = serving(intent(("a", "b", "c")), [release(1)])
    assert recorded_members(facts(said)) == ("a", "b", "c")
    for name in ("a", "b"):
        said[name]["member"]["attempts"].append(
            {**said[name]["member"]["attempts"][0], "deployment": "2-x", "fence": 2, "members": ["a", "b"]}
        )
    assert recorded_members(facts(said)) == ("a", "b"), "c left with the second deployment"
    said["a"]["member"]["attempts"].append(
        {**said["a"]["member"]["attempts"][0], "deployment": "3-x", "fence": 3, "stage": "switched", "members": ["a", "b", "d"]}
    )
    assert recorded_members(facts(said)) == ("a", "b", "d"), "an open deployment counts: d may serve it"
    assert open_notes(facts(said)) == ["deployment 3-x is open (switched on a): it is settled first"]


def _put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _paths(inner, (*path, key))


def without_b() -> dict[str, dict[str, Any]]:
    """Two releases live on a and c; b was left out of the second."""
    said = serving(intent(("a", "b", "c")), [release(1), release(2)])
    said["b"] = serving(intent(("a", "b", "c")), [release(1)])["b"]
    for name in "ac":
        said[name]["member"]["attempts"][-1] |= {"members": ["a", "c"], "document": {"without": ["b"]}}
    return said


def test_who_was_left_out_is_a_member_and_behind() -> None:
    said = facts(without_b())
    assert recorded_members(said) == ("a", "b", "c")
    assert behind(said) == ("b",)
    assert recorded_members({name: said[name] for name in "ac"}) == ("a", "b", "c"), "its own word is not needed"
    assert next_number({name: said[name] for name in "ac"}) == 3


def test_a_member_that_was_replaced_by_a_bare_machine_is_behind_and_a_host_that_never_was_one_is_not() -> None:
    said = serving(intent(("a", "b")), [release(1), release(2)])
    assert behind(facts({**said, "b": fresh("b")})) == ("b",)
    assert behind(facts({**said, "c": fresh("c")})) == ()


def test_who_left_is_no_member_until_a_later_deployment_takes_it_in() -> None:
    said = without_b()
    said["c"]["member"]["left"] = {"b": 3}
    assert recorded_members(facts(said)) == ("a", "c"), "what one member has recorded counts for all"
    said["a"]["member"]["attempts"].append(
        {**said["a"]["member"]["attempts"][-1], "deployment": "4-x", "fence": 4, "members": ["a", "b", "c"], "document": {}}
    )
    assert recorded_members(facts(said)) == ("a", "b", "c")


def test_a_number_that_is_none_in_what_left_is_named() -> None:
    with pytest.raises(HostError, match=r"facts\.member\.left\.b: should be a whole number"):
        read_facts("a", changed(fresh("a"), member={"left": {"b": "3"}}))
