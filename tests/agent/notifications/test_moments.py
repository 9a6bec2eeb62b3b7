"""Of which moments people hear, by the rules of the record alone: the lead speaks for the fleet, another host only for itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from shipway_agent import decide
from shipway_agent.decide import Member
from shipway_agent.notifications.moments import (
    ALONE,
    DRIVER,
    FAILURE,
    LEFT_OUT,
    LIVE,
    OCCASIONS,
    REBOOT,
    SETTLED,
    SILENT,
    SUCCESS,
    UNDONE,
    UNRESTORED,
    WENT_BACK,
    Moment,
    moments,
)

LEASE_SECONDS, CONFIRM_SECONDS = 30.0, 60.0


class Told:
    """One host's record; `say` moves it and answers the moments of that move."""

    def __init__(self, name: str) -> None:
        self.member = Member(name)

    def say(self, do: str, at: float, deployment: str = "7-x", fence: int = 7, **more: Any) -> list[Moment]:
        before = self.member
        message = {"do": do, "deployment": deployment, "fence": fence, **more}
        self.member, reply = decide.handle(before, message, at)
        assert reply["ok"], reply
        return moments(before, self.member, message, at)

    def lease(
        self, at: float = 0.0, deployment: str = "7-x", fence: int = 7, kind: str = "deploy", without: Sequence[str] = ()
    ) -> list[Moment]:
        document = {"kind": kind, "commit": "c" * 40, "without": list(without)}
        times = {"seconds": LEASE_SECONDS, "confirm_seconds": CONFIRM_SECONDS}
        return self.say("lease", at, deployment, fence, owner="ann", lead="a", members=("a", "b"), document=document, **times)

    def switch(self, at: float = 0.0) -> None:
        for do in ("vote", "start", "ready", "arm", "switched"):
            assert self.say(do, at) == []


def switched(name: str) -> Told:
    host = Told(name)
    assert host.lease() == []
    host.switch()
    return host


def kinds(found: list[Moment]) -> list[tuple[str, str]]:
    return [(moment.kind, moment.why) for moment in found]


def test_the_lead_speaks_of_a_commit_and_another_host_does_not() -> None:
    assert kinds(switched("a").say("commit", 5.0)) == [(LIVE, DRIVER)]
    assert switched("b").say("tell", 5.0, decision="committed") == []


@pytest.mark.parametrize("kind", ["restart", "scale", "stop", "start", "maintenance"])
def test_an_order_is_told_like_a_deployment(kind: str) -> None:
    host = Told("a")
    host.lease(kind=kind)
    host.switch()
    assert kinds(host.say("commit", 9.0)) == [(LIVE, DRIVER)]


def test_a_commit_that_left_a_host_out_is_no_plain_success() -> None:
    host = Told("a")
    host.lease(without=("c",))
    host.switch()
    assert kinds(host.say("commit", 5.0)) == [(LEFT_OUT, DRIVER)]
    undone = Told("a")
    undone.lease(without=("c",))
    undone.switch()
    assert kinds(undone.say("undo", 5.0)) == [(UNDONE, DRIVER)], "nobody is behind where nothing changed"
    assert OCCASIONS[LEFT_OUT] == {SUCCESS, FAILURE}


def test_the_lead_speaks_of_an_undo_by_its_driver() -> None:
    host = switched("a")
    assert kinds(host.say("undo", 5.0)) == [(UNDONE, DRIVER)]
    assert host.say("undo", 6.0) == [], "what is decided already is no moment"
    assert switched("b").say("tell", 5.0, decision="reverted") == []


def test_a_deadline_without_a_driver_is_told_with_the_silence() -> None:
    assert switched("a").say("tick", 59.0) == []
    (found,) = switched("a").say("tick", 75.0)
    assert (found.kind, found.why, found.silent_seconds) == (UNDONE, SILENT, 75.0)


def test_a_member_s_question_past_the_deadline_is_told_the_same() -> None:
    assert kinds(switched("a").say("ask", 61.0)) == [(UNDONE, SILENT)]


def test_what_the_next_driver_undoes_is_told_as_such() -> None:
    host = switched("a")
    assert host.lease(40.0, "8-y", 8) == []
    assert kinds(host.say("undo", 41.0, fence=8)) == [(UNDONE, SETTLED)]


def test_a_lead_that_cannot_put_its_data_back_says_so_once() -> None:
    host = Told("a")
    host.lease()
    for do, more in (("vote", {}), ("hold", {"seconds": 30, "waits": True}), ("touch", {"point": "main-1", "bound_seconds": 60.0})):
        host.say(do, 1.0, **more)
    assert host.say("undo", 2.0) == [], "it goes back only behind its data"
    assert kinds(host.say("unrestored", 3.0, why="no room")) == [(UNRESTORED, UNRESTORED)]
    assert host.say("unrestored", 4.0, why="no room") == []
    assert kinds(host.say("restored", 5.0, point="main-1")) == [(UNDONE, DRIVER)]


@pytest.mark.parametrize(("said", "why"), [({"fence": 7}, DRIVER), ({"fence": 8}, SETTLED), ({}, SILENT)])
def test_what_was_put_back_is_told_with_who_wanted_it(said: dict[str, int], why: str) -> None:
    host = Told("a")
    host.lease()
    for do, more in (("vote", {}), ("hold", {"seconds": 30, "waits": True}), ("touch", {"point": "main-1", "bound_seconds": 60.0})):
        host.say(do, 1.0, **more)
    host.say("undo", 2.0)
    before = host.member
    message = {"do": "restored", "deployment": "7-x", "point": "main-1", **said}
    after, _ = decide.handle(before, message, 3.0)
    assert kinds(moments(before, after, message, 3.0)) == [(UNDONE, why)]


def test_a_driver_that_dies_before_any_intent_is_told_by_the_lead_only() -> None:
    for name, expected in (("a", [(UNDONE, SILENT)]), ("b", [])):
        host = Told(name)
        host.lease()
        host.say("vote", 1.0)
        assert kinds(host.say("tick", 31.0)) == expected
        again = Told(name)
        again.lease()
        assert kinds(again.lease(31.0, "8-y", 8)) == expected, "the next lease finds it run out"


def test_a_lease_that_is_given_back_is_nothing_to_tell() -> None:
    for kind in ("deploy", "prepare"):
        host = Told("a")
        host.lease(kind=kind)
        assert host.say("finish", 1.0) == []


def test_a_command_that_only_settles_others_has_nothing_of_its_own_to_tell() -> None:
    host = Told("a")
    host.lease(kind="resume")
    assert host.say("tick", 31.0) == []


def test_a_host_that_goes_back_alone_speaks_for_itself_and_only_once() -> None:
    host = switched("b")
    assert kinds(host.say("alone", 61.0)) == [(WENT_BACK, ALONE)]
    assert host.say("alone", 63.0) == []
    assert host.say("tell", 70.0, decision="reverted", answer=True) == []


def test_a_reboot_before_the_decision_is_told_by_the_host_or_for_the_lead_with_its_decision() -> None:
    assert kinds(switched("b").say("boot", 1.0)) == [(WENT_BACK, REBOOT)]
    lead = switched("a")
    assert lead.say("boot", 1.0) == []
    assert kinds(lead.say("tick", 2.0)) == [(UNDONE, REBOOT)]
