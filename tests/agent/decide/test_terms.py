"""A host is written off: what a higher term decides, and who follows it."""

from __future__ import annotations

import pytest

from shipway_agent.states import (
    BACK,
    COMMITTED,
    REVERTED,
    SWITCHED,
)
from tests.agent.decide.host import CONFIRM_SECONDS, LEASE_SECONDS, Host


def fenced(host: Host, number: int = 2, term: int = 1) -> Host:
    """An abort that writes off the lead has leased this host under a higher term."""
    assert host.at(LEASE_SECONDS).lease(number, term=term, lead="b", members=["b", "c"], lost=["a"])["ok"]
    return host


def test_who_is_written_off_is_remembered_with_the_number_under_which() -> None:
    host = fenced(Host("b").go("switched"))
    assert (host.member.term, host.member.fence, host.member.left) == (1, 2, {"a": 2})
    assert host.stage(1) == SWITCHED, "and nothing is decided by it"


def test_a_fenced_host_takes_no_answer_of_the_lost_lead_and_waits() -> None:
    host = fenced(Host("b").go("switched"))
    for decision in (COMMITTED, REVERTED):
        told = host.say("tell", None, deployment="d1", decision=decision, answer=True, term=0)
        assert told == {"ok": False, "code": "fenced", "fence": 2, "term": 1}
    assert host.at(CONFIRM_SECONDS).say("tick", None)["asks"] == ["d1"]
    assert host.say("alone", None, deployment="d1")["stage"] == BACK


def test_a_higher_term_writes_reverted_where_it_finds_no_record_and_that_host_leads_from_there_on() -> None:
    host = fenced(Host("b").go("switched"))
    assert host.say("undo", 2, deployment="d1", term=1) == {"ok": True, "decision": REVERTED}
    attempt = host.member.attempt("d1")
    assert attempt is not None and (attempt.stage, attempt.lead, attempt.term) == (REVERTED, "b", 1)
    assert host.say("ask") == {"ok": True, "decision": REVERTED, "term": 1}


def test_what_is_committed_already_stays_committed() -> None:
    host = Host("b").go("switched")
    host.say("tell", decision=COMMITTED)
    assert fenced(host).say("undo", 2, deployment="d1", term=1) == {"ok": True, "decision": COMMITTED}
    assert host.say("tell", 2, deployment="d1", term=1, decision=COMMITTED, lead="b")["ok"]
    attempt = host.member.attempt("d1")
    assert attempt is not None and (attempt.stage, attempt.lead, attempt.term) == (COMMITTED, "b", 1)


@pytest.mark.parametrize("answer", [True, False])
def test_a_host_that_returns_replaces_its_own_record_by_that_of_the_higher_term_and_never_by_one_of_its_own(answer: bool) -> None:
    host = Host().go("switched")
    host.say("commit")
    told = {"deployment": "d1", "decision": REVERTED, **({"answer": True} if answer else {"fence": 2})}
    assert host.say("tell", None, **told, term=0)["code"] == "settled"
    assert host.serves() == 1
    assert host.say("tell", None, **told, term=1)["ok"]
    assert (host.stage(), host.serves(), host.member.term) == (REVERTED, None, 1)
    assert host.say("tell", None, **{**told, "decision": COMMITTED}, term=1)["code"] == "settled"
    assert host.say("tell", None, **{**told, "decision": COMMITTED}, term=2)["ok"]
    assert host.serves() == 1


def test_a_record_that_is_replaced_changes_nothing_below_a_later_deployment() -> None:
    host = Host().go("switched")
    host.say("commit")
    host.say("finish")
    host.go("switched", 2)
    host.say("commit", 2)
    assert host.say("tell", None, deployment="d1", decision=REVERTED, answer=True, term=1)["ok"]
    assert (host.stage(1), host.member.current) == (REVERTED, 2)


def test_everybody_says_what_is_decided_and_only_the_lead_decides() -> None:
    host = Host("b").go("switched").at(LEASE_SECONDS)
    assert host.say("ask") == {"ok": False, "code": "lead", "lead": "a"}
    host.say("tell", decision=COMMITTED)
    assert host.say("ask") == {"ok": True, "decision": COMMITTED, "term": 0}
