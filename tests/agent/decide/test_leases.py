"""Who may deploy to a host, until when, and with which number."""

from __future__ import annotations

import pytest

from shipway_agent.states import (
    PREPARED,
)
from tests.agent.decide.host import LEASE_SECONDS, Host


def test_a_lease_excludes_everybody_else_and_says_who_has_it_and_for_how_long() -> None:
    host = Host()
    assert host.lease(1) == {"ok": True, "fence": 1}
    assert host.at(10).lease(2, owner="bob@desk") == {
        "ok": False,
        "code": "held",
        "owner": "ann@laptop",
        "deployment": "d1",
        "seconds_held": 10.0,
        "seconds_left": 20.0,
    }


def test_a_lease_runs_out_by_itself() -> None:
    host = Host().go("lease")
    assert host.at(LEASE_SECONDS).lease(2)["ok"]


def test_a_lease_that_is_renewed_does_not_run_out() -> None:
    host = Host().go("vote")
    for _ in range(10):
        assert host.at(LEASE_SECONDS - 1).say("renew", seconds=LEASE_SECONDS) == {"ok": True, "stage": PREPARED}
    assert host.lease(2)["seconds_held"] == 10 * (LEASE_SECONDS - 1)


def test_asking_again_for_the_own_lease_is_answered_again() -> None:
    host = Host()
    assert host.lease(1) == host.lease(1)


@pytest.mark.parametrize("number", [1, 2])
def test_a_number_that_is_not_higher_than_any_the_host_has_seen_is_fenced(number: int) -> None:
    host = Host().go("lease", 2).at(LEASE_SECONDS)
    assert host.lease(number, deployment="another") == {"ok": False, "code": "fenced", "fence": 2, "term": 0}


@pytest.mark.parametrize("do", ["vote", "start", "ready", "arm", "switched", "renew", "commit", "undo"])
def test_a_driver_with_an_old_number_can_do_nothing(do: str) -> None:
    host = Host().go("arm").at(LEASE_SECONDS)
    assert host.lease(2)["ok"]
    assert host.say(do, 1, seconds=9.0)["code"] == "fenced"


def test_a_higher_term_comes_before_any_number() -> None:
    host = Host().go("lease", 7).at(LEASE_SECONDS)
    assert host.lease(3, term=1) == {"ok": True, "fence": 3}
    assert host.at(LEASE_SECONDS).lease(8, term=0)["code"] == "fenced"


def test_a_lease_is_given_back_by_finish_and_only_by_its_own_deployment() -> None:
    host = Host().go("lease")
    assert host.say("finish", 2)["ok"]
    assert host.lease(2)["code"] == "held"
    assert host.say("finish", 1)["ok"]
    assert host.lease(2)["ok"]


def test_finish_is_refused_while_the_deployment_is_open() -> None:
    assert Host().go("arm").say("finish") == {"ok": False, "code": "unsettled", "deployments": ["d1"]}
