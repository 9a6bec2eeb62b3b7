"""A lost lead and two aborts in every order of events; and with each rule of terms broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from shipway_agent import decide
from shipway_agent.decide import Member, Outcome
from shipway_agent.states import (
    DECISIONS,
    REVERTED,
)
from tests.agent import explore_terms
from tests.agent.decide.rule import Rule


def test_with_a_lost_lead_and_two_aborts_that_end_anywhere_there_is_one_decision_a_term() -> None:
    """Every state there is, about 14,000."""
    found = explore_terms.explore()
    assert not found.faults, found.faults
    assert found.ends == {f"{decision} of term {number}" for decision in DECISIONS for number in (1, 2)}, (
        "what is never reached proves nothing"
    )


def answers_of_any_term_are_taken(rule: Rule) -> Rule:
    def tell(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        return rule(replace(member, term=0) if message.get("answer") else member, message, now)

    return tell


def a_fenced_host_decides_by_itself(rule: Rule) -> Rule:
    def tick(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        after, reply = rule(member, message, now)
        fenced = [a for a in after.attempts if a.deployment in reply["asks"] and after.term > a.term]
        for attempt in fenced:
            after = decide._learn(after, replace(attempt, term=after.term), REVERTED)
        return after, {"ok": True, "asks": [] if fenced else reply["asks"]}

    return tick


def the_newest_word_counts(rule: Rule) -> Rule:
    def tell(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        attempt = member.attempt(message["deployment"])
        if attempt is None or attempt.stage not in DECISIONS or attempt.stage == message["decision"]:
            return rule(member, message, now)
        return decide._learn(member, attempt, message["decision"]), {"ok": True, "decision": message["decision"]}

    return tell


MUTANTS_OF_TERMS: Mapping[str, tuple[str, Callable[[Rule], Rule]]] = {
    "answers of a lower term are taken": ("tell", answers_of_any_term_are_taken),
    "a fenced host decides by itself": ("tick", a_fenced_host_decides_by_itself),
    "a decision is replaced whatever its term": ("tell", the_newest_word_counts),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS_OF_TERMS)
def test_the_exploration_sees_what_terms_are_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    do, mutant = MUTANTS_OF_TERMS[name]
    monkeypatch.setitem(decide.RULES, do, mutant(decide.RULES[do]))
    assert explore_terms.explore().faults
