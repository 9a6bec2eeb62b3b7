"""While requests wait: who may hold them and touch data, and that data comes back before its lead does."""

from __future__ import annotations

from typing import Any

import pytest

from shipway_agent import decide
from shipway_agent.decide import Held, Member
from shipway_agent.states import (
    DISCARDED,
    RESTORING,
    REVERTED,
)
from tests.agent.decide.host import CONFIRM_SECONDS, LEASE_SECONDS, Host

POINT = "main-20261130T020000Z-ab12"


def held(name: str = "a", *, touched: bool = False, lead: str = "a") -> Host:
    """A host that has voted and on which requests wait; `touched` when data may have changed."""
    host = Host(name, lead).go("lease")
    assert host.say("vote", addresses={"a": ["10.0.0.1:1"]})["ok"]
    assert host.say("hold", seconds=30, waits=False)["ok"]
    assert host.say("hold", seconds=30, waits=True)["ok"]
    if touched:
        assert host.say("touch", point=POINT, bound_seconds=60.0)["ok"]
    return host


def test_requests_wait_only_behind_a_vote_under_a_lease_and_for_one_deployment() -> None:
    assert Host().go("lease").say("hold", seconds=30, waits=True)["code"] == "order"
    assert Host().go("start").say("hold", seconds=30, waits=True)["code"] == "order"
    assert Host().go("vote").at(LEASE_SECONDS).say("hold", seconds=30, waits=True)["code"] == "expired"
    host = Host().go("vote")
    assert host.say("hold", seconds=30)["ok"]
    assert host.member.held == Held("d1", 30), "workers rest first"
    assert host.say("hold", seconds=30, waits=True)["ok"] and host.say("hold", seconds=30)["ok"]
    assert host.member.held == Held("d1", 30, waits=True), "and a door that is closed stays closed"
    host.at(LEASE_SECONDS).go("vote", 2)
    assert host.say("hold", 2, seconds=30) == {"ok": False, "code": "unsettled", "deployments": ["d1"]}


def test_data_is_touched_only_on_the_lead_while_requests_wait() -> None:
    touch: dict[str, Any] = {"point": POINT, "bound_seconds": 60.0}
    assert Host().go("vote").say("touch", **touch)["code"] == "order"
    assert held("b").say("touch", **touch)["code"] == "lead"
    resting = Host().go("vote")
    resting.say("hold", seconds=30)
    assert resting.say("touch", **touch)["code"] == "order"
    assert held().at(LEASE_SECONDS).say("touch", **touch)["code"] == "expired"
    host = held(touched=True)
    assert host.say("touch", **touch)["ok"], "said twice is said once"
    assert host.say("touch", point="uploads-1", bound_seconds=30.0)["ok"], "of each data one"
    assert host.member.held is not None
    assert (host.member.held.point, host.member.held.bound_seconds) == (f"{POINT} uploads-1", 90.0)


def test_a_decision_lets_everybody_in() -> None:
    for do in ("commit", "undo"):
        host = held()
        for step in ("start", "ready", "arm", "switched"):
            assert host.say(step)["ok"]
        assert host.say(do)["ok"]
        assert host.member.held is None
    member = held("b")
    member.say("tell", decision=REVERTED)
    assert member.member.held is None


def test_a_lead_that_touched_data_goes_back_only_once_its_point_is_in_its_place() -> None:
    for steps in ((), ("start",), ("start", "ready"), ("start", "ready", "arm"), ("start", "ready", "arm", "switched")):
        host = held(touched=True)
        for step in steps:
            host.say(step)
        restoring = {"point": POINT, "bound_seconds": 60.0, "tries": 0, "why": ""}
        assert host.say("undo") == {"ok": True, "decision": None, "restoring": restoring}
        assert (host.stage(), host.member.current) == (RESTORING, None)
        assert host.say("unrestored", None, deployment="d1", why="no room")["ok"]
        assert host.say("undo")["restoring"] == {**restoring, "tries": 1, "why": "no room"}
        assert host.say("restored", None, deployment="d1", point="another")["code"] == "order"
        assert host.say("restored", None, deployment="d1", point=POINT) == {"ok": True, "decision": REVERTED}
        assert (host.stage(), host.member.held, host.member.current) == (REVERTED, None, None)


@pytest.mark.parametrize("do", ["commit", "vote", "start", "ready", "arm", "switched", "hold", "touch"])
def test_the_way_back_once_begun_is_not_left(do: str) -> None:
    host = held(touched=True)
    for step in ("start", "ready", "arm", "switched"):
        host.say(step)
    host.say("undo")
    assert host.say(do, seconds=30, waits=True, point=POINT, bound_seconds=60.0)["code"] == "order"
    assert decide.permits(host.member, "d1", 1, host.now)["code"] == "settled"


def test_whoever_ends_it_the_point_comes_first() -> None:
    def lapsed(host: Host) -> Host:
        host.at(LEASE_SECONDS).say("tick", None)
        return host

    def switched(host: Host) -> Host:
        for step in ("start", "ready", "arm", "switched"):
            host.say(step)
        return host

    asked = switched(held(touched=True)).at(LEASE_SECONDS)
    assert asked.say("ask") == {"ok": True, "decision": None, "term": 0}
    assert asked.stage() == RESTORING
    assert lapsed(held(touched=True)).stage() == RESTORING
    late = switched(held(touched=True)).at(CONFIRM_SECONDS)
    late.say("tick", None)
    assert (late.stage(), late.member.current) == (RESTORING, None)
    let_go = held(touched=True)
    let_go.say("finish")
    assert (let_go.stage(), let_go.member.lease) == (RESTORING, None)
    for host in (held(touched=True), switched(held(touched=True)), late):
        host.say("boot", None)
        assert (host.stage(), host.member.current) == (RESTORING, None)
    later = held(touched=True).at(LEASE_SECONDS)
    assert later.lease(2)["ok"]
    assert later.say("undo", 2, deployment="d1")["decision"] is None
    assert later.say("restored", None, deployment="d1", point=POINT)["decision"] == REVERTED


def test_a_lead_that_has_not_touched_anything_lets_in_as_soon_as_its_driver_is_silent() -> None:
    host = held().at(LEASE_SECONDS)
    host.say("tick", None)
    assert (host.stage(), host.member.held) == (REVERTED, None)
    again = held()
    again.say("finish")
    assert (again.stage(), again.member.held) == (REVERTED, None)


def test_another_host_that_holds_never_goes_back_alone_and_asks_until_it_knows() -> None:
    host = held("b")
    host.at(LEASE_SECONDS)
    assert host.say("tick", None)["asks"] == ["d1"]
    assert host.stage() == DISCARDED and host.member.held is not None, "what was prepared is gone, and nobody is let in"
    let_go = held("b")
    let_go.say("finish")
    assert let_go.say("tick", None)["asks"] == ["d1"], "also where its own driver let go"
    switched = held("b")
    for step in ("start", "ready", "arm", "switched"):
        switched.say(step)
    switched.at(CONFIRM_SECONDS)
    assert switched.say("tick", None)["asks"] == ["d1"]
    assert switched.say("alone")["code"] == "order" and switched.member.current == 1
    for one in (host, let_go, switched):
        one.say("tell", decision=REVERTED, answer=True)
        assert one.member.held is None and one.say("tick", None)["asks"] == []


def test_a_host_that_holds_switches_to_nothing_else() -> None:
    host = held("b").at(LEASE_SECONDS).go("ready", 2)
    assert host.say("arm", 2) == {"ok": False, "code": "unsettled", "deployments": ["d1"]}


def test_who_was_written_off_comes_back_to_data_that_others_have_written_to_since() -> None:
    host = held(touched=True)
    assert host.say("tell", None, deployment="d1", decision=REVERTED, answer=True, term=0)["code"] == "restoring"
    assert host.say("tell", None, deployment="d1", decision=REVERTED, answer=True, term=1, lead="b")["ok"]
    assert (host.stage(), host.member.held) == (REVERTED, None)


def test_what_holds_is_read_again_and_is_absent_where_nothing_does() -> None:
    member = held(touched=True).member
    assert decide.from_json(decide.to_json(member)) == member
    assert "held" not in decide.to_json(Member("a"))
