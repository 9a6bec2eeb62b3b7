"""What a host goes on asking about, what it remembers of the past, and what it forgets."""

from __future__ import annotations

from typing import Any

import pytest

from shipway_agent import decide
from shipway_agent.decide import Member
from shipway_agent.states import (
    COMMITTED,
    DECISIONS,
    DISCARDED,
    REVERTED,
    SWITCHED,
)
from tests.agent.decide.host import LEASE_SECONDS, Host


@pytest.mark.parametrize("stage", ["vote", "start", "ready"])
def test_a_host_that_only_prepared_asks_how_it_ended_for_others_may_have_switched(stage: str) -> None:
    host = Host(lead="b").go("lease")
    host.say("vote", peers=["10.0.0.2:1"])
    for do in ("start", "ready")[: ("vote", "start", "ready").index(stage)]:
        host.say(do)
    assert host.at(LEASE_SECONDS).say("tick", None)["asks"] == ["d1"] and host.stage() == DISCARDED
    assert host.say("alone")["code"] == "order", "there is nothing to go back from"
    host.say("tell", decision=REVERTED, answer=True)
    assert host.stage() == REVERTED and host.say("tick", None)["asks"] == []


def test_nobody_asks_about_what_its_driver_let_go_of_nor_about_what_a_later_one_has_overtaken() -> None:
    host = Host(lead="b").go("lease")
    host.say("vote", peers=["10.0.0.2:1"])
    host.say("finish")
    assert host.at(LEASE_SECONDS).say("tick", None)["asks"] == [] and host.stage() == DISCARDED
    other = Host(lead="b").go("lease")
    other.say("vote", peers=["10.0.0.2:1"])
    other.at(LEASE_SECONDS).say("tick", None)
    other.lease(2)
    assert other.say("tick", None)["asks"] == ["d1"], "a lease alone settles nothing: its driver may not have got any other"
    other.say("vote", 2, peers=["10.0.0.2:1"])
    assert other.say("tick", None)["asks"] == [], "before hosts vote, what was open has been settled"


def test_a_host_whose_application_was_taken_off_forgets_all_but_the_highest_number() -> None:
    host = Host().go("switched")
    host.say("commit")
    host.say("finish")
    assert host.say("remove", 2)["code"] == "expired", "only under a lease"
    host.lease(2)
    assert host.say("remove", 2)["ok"]
    assert host.member == Member("a", fence=2)
    assert host.lease(1)["code"] == "fenced"


def test_a_member_records_under_a_lease_that_another_host_left_and_under_which_number() -> None:
    host = Host().go("switched")
    host.say("commit")
    host.say("finish")
    assert host.say("leave", 2, host="c")["code"] == "expired", "only under a lease"
    host.lease(2)
    assert host.say("leave", 2, host="a")["code"] == "order", "a host does not say it of itself"
    assert host.say("leave", 2, host="c")["ok"]
    assert host.say("leave", 2, host="c")["ok"], "said twice is said once"
    assert host.member.left == {"c": 2}
    assert host.member.current == 1, "nothing else changes"


def test_what_made_current_what_serves_is_never_forgotten() -> None:
    host = Host().go("switched")
    host.say("commit")
    for number in range(2, 2 * decide.KEPT_ATTEMPTS):
        host.at(LEASE_SECONDS).lease(number)
        host.say("undo", number)
    assert host.stage(1) == COMMITTED
    assert len(host.member.attempts) == decide.KEPT_ATTEMPTS + 1


def test_where_to_ask_is_forgotten_of_a_decision_that_is_not_the_newest() -> None:
    lease = {"do": "lease", "owner": "ann", "seconds": 10.0, "lead": "a", "members": ["a", "b"], "confirm_seconds": 30.0}
    said: list[dict[str, Any]] = [lease, {"do": "vote", "addresses": {"a": ["a:1"]}}, {"do": "tell", "decision": "reverted"}]
    member = Member("b")
    for number in (1, 2, 3):
        for message in said[: 3 if number < 3 else 2]:
            member, reply = decide.handle(member, {"deployment": f"d-{number}", "fence": number, **message}, 100.0 * number)
            assert reply["ok"]
    assert ["addresses" in attempt.document for attempt in member.attempts] == [False, True, True]


def test_a_host_remembers_the_last_decisions_and_whatever_is_open() -> None:
    host = Host("b").go("switched")
    for number in range(2, 2 * decide.KEPT_ATTEMPTS):
        host.at(LEASE_SECONDS).lease(number)
        host.say("tell", number, decision=REVERTED)
    assert host.stage(1) == SWITCHED
    assert len([a for a in host.member.attempts if a.stage in DECISIONS]) == decide.KEPT_ATTEMPTS
    assert host.member.attempts[-1].fence == 2 * decide.KEPT_ATTEMPTS - 1
