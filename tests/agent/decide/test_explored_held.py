"""Held requests in every order of events; and with each rule of holding broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from shipway_agent import decide
from shipway_agent.decide import Member, Outcome
from shipway_agent.states import (
    RESTORING,
    SWITCHED,
)
from tests.agent import explore_held
from tests.agent.decide.rule import Rule


@pytest.mark.parametrize(("hosts", "bounds"), [(2, explore_held.Bounds(1, 1, 0)), (3, explore_held.Bounds(1, 0, 0))])
def test_held_requests_are_let_in_only_where_data_and_decision_agree(hosts: int, bounds: explore_held.Bounds) -> None:
    """Every state within these bounds, some 25,000 and 70,000."""
    found = explore_held.explore(hosts, bounds)
    assert not found.faults, found.faults
    assert {"committed, data new", "reverted, data old", "dead, data new"} <= found.ends, "what is never reached proves nothing"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hosts", "bounds"), [(2, explore_held.Bounds(1, 2, 0)), (2, explore_held.Bounds(1, 0, 1)), (3, explore_held.Bounds(1, 1, 0))]
)
def test_held_requests_with_reboots_and_late_messages(hosts: int, bounds: explore_held.Bounds) -> None:
    assert not explore_held.explore(hosts, bounds).faults


def nothing_is_put_back(is_touched: Callable[[Member, str], bool]) -> Callable[[Member, str], bool]:
    return lambda member, deployment: False


def whoever_holds_goes_back_alone(rule: Rule) -> Rule:
    def alone(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        free, reply = rule(replace(member, held=None), message, now)
        return (free, reply) if reply["ok"] else (member, reply)

    return alone


def a_lease_that_runs_out_lets_in(rule: Callable[[Member, float], Member]) -> Callable[[Member, float], Member]:
    def expire(member: Member, now: float) -> Member:
        after = rule(member, now)
        return after if after == member else replace(after, held=None)

    return expire


def the_way_back_may_be_left(rule: Rule) -> Rule:
    def commit(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        attempt = member.attempt(message["deployment"])
        if attempt is not None and attempt.stage == RESTORING:
            member = decide._put(member, replace(attempt, stage=SWITCHED))
        return rule(member, message, now)

    return commit


def who_lets_go_asks_no_more(rule: Rule) -> Rule:
    def finish(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        after, reply = rule(replace(member, held=None), message, now)
        return replace(after, held=member.held), reply

    return finish


MUTANTS_OF_HOLDING: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "the lead goes back before its data": ("is_touched", nothing_is_put_back),
    "a host that holds goes back alone": ("_alone", whoever_holds_goes_back_alone),
    "the hold ends with the lease": ("_expire", a_lease_that_runs_out_lets_in),
    "a commit is taken while data is put back": ("_commit", the_way_back_may_be_left),
    "a host whose driver lets go holds for ever": ("_finish", who_lets_go_asks_no_more),
}


@pytest.mark.parametrize("name", MUTANTS_OF_HOLDING)
def test_the_exploration_sees_what_each_rule_of_holding_is_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, mutant = MUTANTS_OF_HOLDING[name]
    rule = getattr(decide, function)
    monkeypatch.setattr(decide, function, mutant(rule))
    for do, known in decide.RULES.items():
        if known is rule:
            monkeypatch.setitem(decide.RULES, do, mutant(rule))
    assert explore_held.explore(2, explore_held.Bounds(1, 1, 1), first_fault=True).faults


def test_a_point_is_not_put_back_under_a_migration_that_still_runs() -> None:
    careless = explore_held.Care(waits_for_what_runs=False)
    assert explore_held.explore(2, explore_held.Bounds(1), careless, first_fault=True).faults
