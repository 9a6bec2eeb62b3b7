"""All rules together, in every order in which drivers, hosts and messages can fail; and with each rule broken that they are there for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from shipway_agent import decide
from shipway_agent.decide import Attempt, Member, Outcome
from shipway_agent.states import (
    BACK,
    COMMITTED,
    DECISIONS,
    DISCARDED,
    REVERTED,
)
from tests.agent.decide.rule import Rule
from tests.agent.explore import Bounds, Rules, explore, walk


def test_with_a_second_driver_and_a_death_at_any_moment_no_promise_is_broken() -> None:
    """Every state within these bounds, about 100,000."""
    explored = explore(Bounds(deaths=1))
    assert explored.whole
    assert not explored.faults, "\n".join(map(str, explored.faults))
    ends = {"exit 0", "exit 1", "dead"}
    assert {(number, end) for number in (1, 2) for end in ends} <= explored.exits, "what is never reached proves nothing"


def test_with_deaths_reboots_lone_reverts_and_late_messages_no_promise_is_broken() -> None:
    """Too many states to see all; random walks see some tens of thousands of the deeper ones."""
    explored = walk(Bounds(deaths=2, reboots=2, late=2, alone=2), seed=7, most_seconds=5)
    assert not explored.faults, "\n".join(map(str, explored.faults))
    assert {(1, "exit 0"), (1, "exit 1"), (2, "exit 0")} <= explored.exits


def test_a_driver_must_write_its_undo_on_the_lead_before_it_tells_anybody() -> None:
    assert explore(Bounds(deaths=1), Rules(undo_at_the_lead_first=False), first_fault=True).faults


@pytest.mark.slow
def test_a_driver_that_does_not_settle_what_is_open_is_stopped_by_the_hosts() -> None:
    explored = explore(Bounds(deaths=0), Rules(settle_what_is_open=False), most_seconds=3)
    assert not explored.faults, "\n".join(map(str, explored.faults))


def without_going_forward_again(rule: Callable[[Member, Attempt, str], Member]) -> Callable[[Member, Attempt, str], Member]:
    def learn(member: Member, attempt: Attempt, decision: str) -> Member:
        after = rule(member, attempt, decision)
        return replace(after, current=member.current) if attempt.stage == BACK else after

    return learn


def without_the_way_back(rule: Callable[[Member, Attempt, str], Member]) -> Callable[[Member, Attempt, str], Member]:
    def learn(member: Member, attempt: Attempt, decision: str) -> Member:
        after = rule(member, attempt, decision)
        return replace(after, current=member.current) if decision == REVERTED else after

    return learn


def members_decide_for_themselves(rule: Rule) -> Rule:
    def tick(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        after, reply = rule(member, message, now)
        for deployment in reply["asks"]:
            attempt = after.attempt(deployment)
            assert attempt is not None
            after = replace(decide._put(after, replace(attempt, stage=REVERTED)), current=attempt.base)
        return after, {"ok": True, "asks": []}

    return tick


def intents_are_discarded_too(rule: Callable[[Member, float], Member]) -> Callable[[Member, float], Member]:
    def expire(member: Member, now: float) -> Member:
        after = rule(member, now)
        if after == member:
            return member
        return replace(after, attempts=tuple(replace(a, stage=DISCARDED) if a.stage not in DECISIONS else a for a in after.attempts))

    return expire


def last_writer_wins(stage: str) -> Callable[[Rule], Rule]:
    def mutant(rule: Rule) -> Rule:
        def written(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
            attempt = member.attempt(message["deployment"])
            if attempt is None or attempt.stage not in DECISIONS:
                return rule(member, message, now)
            current = attempt.target if stage == COMMITTED else attempt.base
            return replace(decide._put(member, replace(attempt, stage=stage)), current=current), {"ok": True, "decision": stage}

        return written

    return mutant


def the_lead_answers_before_it_writes(rule: Rule) -> Rule:
    return lambda member, message, now: (member, rule(member, message, now)[1])


def the_lead_waits_for_a_dead_driver(rule: Rule) -> Rule:
    def ask(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        attempt = member.attempt(message["deployment"])
        undecided = attempt is not None and attempt.stage not in DECISIONS
        return (member, {"ok": True, "decision": None}) if undecided else rule(member, message, now)

    return ask


def the_base_is_forgotten(rule: Rule) -> Rule:
    def arm(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        after, reply = rule(member, message, now)
        attempt = after.attempt(message["deployment"])
        return (decide._put(after, replace(attempt, base=None)) if reply["ok"] and attempt is not None else after), reply

    return arm


def the_open_one_is_switched_over(rule: Rule) -> Rule:
    def arm(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        attempt = member.attempt(message["deployment"])
        alone = replace(member, attempts=() if attempt is None else (attempt,))
        after, reply = rule(alone, message, now)
        armed = after.attempt(message["deployment"])
        return (decide._put(member, armed) if reply["ok"] and armed is not None else member), reply

    return arm


MUTANTS: Mapping[str, tuple[str, Callable[[Any], Any], Bounds, Rules]] = {
    "a commit is acknowledged by a host that went back": ("_learn", without_going_forward_again, Bounds(0, 1), Rules()),
    "an undo leaves the new generation": ("_learn", without_the_way_back, Bounds(0), Rules()),
    "a member decides past its deadline": ("_tick", members_decide_for_themselves, Bounds(0), Rules()),
    "an intent is discarded with the lease": ("_expire", intents_are_discarded_too, Bounds(1), Rules()),
    "a commit overwrites a reverted": ("_commit", last_writer_wins(COMMITTED), Bounds(0), Rules()),
    "an undo overwrites a committed": ("_undo", last_writer_wins(REVERTED), Bounds(0), Rules()),
    "the lead answers before it writes": ("_ask", the_lead_answers_before_it_writes, Bounds(0), Rules()),
    "the lead waits for a dead driver": ("_ask", the_lead_waits_for_a_dead_driver, Bounds(1), Rules()),
    "what was current is not remembered": ("_arm", the_base_is_forgotten, Bounds(0), Rules()),
    "a careless driver may switch over what is open": ("_arm", the_open_one_is_switched_over, Bounds(1), Rules(settle_what_is_open=False)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_the_exploration_sees_what_each_rule_is_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, mutant, bounds, rules = MUTANTS[name]
    rule = getattr(decide, function)
    monkeypatch.setattr(decide, function, mutant(rule))
    for do, known in decide.RULES.items():
        if known is rule:
            monkeypatch.setitem(decide.RULES, do, mutant(rule))
    assert explore(bounds, rules, first_fault=True).faults
