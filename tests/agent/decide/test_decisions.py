"""The lead's record is the decision; the others follow it."""

from __future__ import annotations

import pytest

from shipway_agent.states import (
    ARMED,
    BACK,
    COMMITTED,
    REVERTED,
)
from tests.agent.decide.host import CONFIRM_SECONDS, Host


def test_the_leads_record_is_the_decision_and_the_first_writer_wins() -> None:
    committed, reverted = Host().go("switched"), Host().go("switched")
    assert committed.say("commit") == {"ok": True, "decision": COMMITTED}
    assert committed.say("undo") == {"ok": True, "decision": COMMITTED}
    assert reverted.say("undo") == {"ok": True, "decision": REVERTED}
    assert reverted.say("commit") == {"ok": True, "decision": REVERTED}
    assert (committed.member.current, reverted.member.current) == (1, None)


@pytest.mark.parametrize("do", ["commit", "undo", "ask"])
def test_only_the_lead_decides(do: str) -> None:
    assert Host("b").go("switched").say(do) == {"ok": False, "code": "lead", "lead": "a"}


def test_a_commit_needs_a_lead_that_has_switched() -> None:
    assert Host().go("arm").say("commit") == {"ok": False, "code": "order", "stage": ARMED}


def test_an_undo_of_a_deployment_nobody_has_heard_of_is_remembered_so_that_its_late_steps_are_refused() -> None:
    host = Host()
    assert host.say("undo") == {"ok": True, "decision": REVERTED}
    assert host.lease(1)["ok"] is False


def test_a_member_follows_the_decision_it_is_told() -> None:
    for decision, current in ((COMMITTED, 1), (REVERTED, None)):
        host = Host("b").go("switched")
        assert host.say("tell", decision=decision) == {"ok": True, "decision": decision}
        assert host.member.current == current
        assert host.say("tell", decision=decision)["ok"], "and may be told again"
        other = REVERTED if decision == COMMITTED else COMMITTED
        assert host.say("tell", decision=other) == {"ok": False, "code": "settled", "decision": decision}


def test_an_undo_brings_back_exactly_what_was_current() -> None:
    host = Host("b").go("switched")
    host.say("tell", decision=COMMITTED)
    host.say("finish")
    host.go("switched", 2)
    assert host.member.current == 2
    host.say("tell", 2, decision=REVERTED)
    assert host.member.current == 1


def test_to_acknowledge_a_commit_is_to_serve_its_generation_also_after_going_back() -> None:
    host = Host("b").go("switched").at(CONFIRM_SECONDS)
    host.say("alone")
    assert (host.stage(), host.member.current) == (BACK, None)
    assert host.say("tell", decision=COMMITTED)["ok"]
    assert host.member.current == 1


def test_every_step_of_a_decided_deployment_is_refused() -> None:
    host = Host("b").go("ready")
    host.say("tell", decision=REVERTED)
    for do in ("vote", "start", "ready", "arm", "switched", "renew"):
        assert host.say(do, seconds=1.0) == {"ok": False, "code": "settled", "decision": REVERTED}
