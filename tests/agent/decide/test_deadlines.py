"""What a host does past its deadline: the lead decides, the others ask, and go back alone where nobody answers."""

from __future__ import annotations

from shipway_agent.states import (
    BACK,
    COMMITTED,
    REVERTED,
    SWITCHED,
)
from tests.agent.decide.host import CONFIRM_SECONDS, LEASE_SECONDS, Host


def test_past_its_deadline_and_without_a_driver_the_lead_writes_reverted() -> None:
    host = Host().go("switched").at(CONFIRM_SECONDS)
    host.say("tick", None)
    assert (host.stage(), host.member.current) == (REVERTED, None)


def test_past_its_deadline_another_host_asks_and_decides_nothing() -> None:
    host = Host("b").go("switched").at(CONFIRM_SECONDS)
    assert host.say("tick", None) == {"ok": True, "asks": ["d1"]}
    assert (host.stage(), host.member.current) == (SWITCHED, 1)


def test_the_deadline_counts_from_the_last_renewal() -> None:
    host = Host("b").go("switched")
    for _ in range(5):
        host.at(LEASE_SECONDS - 1).say("renew", seconds=LEASE_SECONDS)
    assert host.at(CONFIRM_SECONDS - 1).say("tick", None)["asks"] == []
    assert host.at(1).say("tick", None)["asks"] == ["d1"]


def test_asked_the_lead_says_wait_while_its_driver_lives_and_else_writes_reverted_before_it_answers() -> None:
    host = Host().go("switched")
    assert host.say("ask") == {"ok": True, "decision": None, "term": 0}
    assert host.at(LEASE_SECONDS).say("ask") == {"ok": True, "decision": REVERTED, "term": 0}
    assert host.say("commit", 1)["decision"] == REVERTED


def test_a_lease_of_another_deployment_does_not_make_a_member_wait() -> None:
    host = Host().go("switched").at(LEASE_SECONDS)
    assert host.lease(2)["ok"]
    assert host.say("ask") == {"ok": True, "decision": REVERTED, "term": 0}


def test_a_host_goes_back_alone_only_past_its_deadline_and_never_when_it_is_the_lead() -> None:
    member, lead = Host("b").go("switched"), Host().go("switched")
    assert member.say("alone")["code"] == "order"
    assert member.at(CONFIRM_SECONDS).say("alone") == {"ok": True, "stage": BACK}
    assert member.say("tick", None)["asks"] == ["d1"], "and goes on asking"
    assert lead.at(CONFIRM_SECONDS).say("alone")["code"] == "order"


def test_the_answer_of_the_lead_counts_whatever_the_number() -> None:
    host = Host("b").go("switched").at(LEASE_SECONDS)
    host.lease(2)
    assert host.say("tell", 1, decision=COMMITTED)["code"] == "fenced"
    assert host.say("tell", None, deployment="d1", decision=COMMITTED, answer=True)["ok"]
