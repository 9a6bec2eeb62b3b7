"""A deployment goes through its stages on a host, in order and under its lease."""

from __future__ import annotations

import pytest

from shipway_agent import decide
from shipway_agent.states import (
    ARMED,
    COMMITTED,
    DISCARDED,
    LEASED,
    PREPARED,
    READY,
    REVERTED,
    STARTING,
    SWITCHED,
)
from tests.agent.decide.host import LEASE_SECONDS, Host


def test_a_deployment_goes_through_its_stages_in_order() -> None:
    host = Host()
    seen = []
    for do in ("lease", "vote", "start", "ready", "arm", "switched"):
        host.lease() if do == "lease" else host.say(do)
        seen.append(host.stage())
    assert seen == [LEASED, PREPARED, STARTING, READY, ARMED, SWITCHED]


@pytest.mark.parametrize("do", ["start", "ready", "arm", "switched"])
def test_a_stage_cannot_be_skipped(do: str) -> None:
    assert Host().go("lease").say(do)["code"] == "order"


def test_what_serves_changes_with_the_switch_and_not_before() -> None:
    host = Host().go("arm")
    assert host.member.current is None
    host.say("switched")
    assert host.member.current == 1


def test_nothing_begins_under_a_lease_that_has_run_out_but_a_rename_that_happened_is_recorded() -> None:
    for do in ("vote", "start", "ready", "arm"):
        path = {"vote": "lease", "start": "vote", "ready": "start", "arm": "ready"}
        assert Host().go(path[do]).at(LEASE_SECONDS).say(do)["code"] == "expired"
    assert Host().go("arm").at(LEASE_SECONDS).say("switched")["ok"]


def test_what_never_had_an_intent_is_discarded_when_the_lease_runs_out() -> None:
    for to in ("lease", "vote", "start", "ready"):
        host = Host().go(to).at(LEASE_SECONDS)
        host.say("tick", None)
        assert host.stage() == DISCARDED
        assert host.say("renew", seconds=1.0)["code"] == "settled"


def test_what_had_an_intent_is_kept_until_the_decision_is_known() -> None:
    for to in ("arm", "switched"):
        host = Host("b").go(to).at(LEASE_SECONDS)
        host.say("tick", None)
        assert host.stage() in (ARMED, SWITCHED)
        assert host.lease(2)["ok"], "the next driver gets the lease, and settles it"


def test_nothing_is_switched_over_a_deployment_that_is_open() -> None:
    host = Host("b").go("switched").at(LEASE_SECONDS).go("ready", 2)
    assert host.say("arm", 2) == {"ok": False, "code": "unsettled", "deployments": ["d1"]}
    host.say("tell", 2, deployment="d1", decision=COMMITTED)
    assert host.say("arm", 2) == {"ok": True, "stage": ARMED, "base": 1}


def test_members_learn_the_leads_addresses_with_their_vote() -> None:
    host = Host().go("lease")
    host.say("vote", peers=["127.0.0.1:4711"])
    attempt = host.member.attempt("d1")
    assert attempt is not None and attempt.document["peers"] == ["127.0.0.1:4711"]


def test_a_step_may_begin_only_for_a_live_undecided_deployment_that_is_not_fenced() -> None:
    host = Host().go("vote")
    assert decide.permits(host.member, "d1", 1, host.now) == {"ok": True}
    assert decide.permits(host.member, "d0", 1, host.now)["code"] == "unknown"
    assert decide.permits(host.member, "d1", 1, host.now + LEASE_SECONDS) == {"ok": False, "code": "expired", "stage": PREPARED}
    host.say("undo")
    assert decide.permits(host.member, "d1", 1, host.now) == {"ok": False, "code": "settled", "stage": REVERTED}
    assert decide.permits(host.member, "d1", 1, host.now, decided=True) == {"ok": True}
    host.at(LEASE_SECONDS).lease(2)
    assert decide.permits(host.member, "d1", 1, host.now, decided=True) == {"ok": False, "code": "fenced", "fence": 2, "term": 0}
