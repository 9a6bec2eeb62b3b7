"""What a commit leaves behind stays warm, for as long as its deployment says."""

from __future__ import annotations

import pytest

from shipway_agent import decide
from shipway_agent.decide import Warm
from shipway_agent.states import (
    COMMITTED,
)
from tests.agent.decide.host import Host


def warm_host(number: int = 1, seconds: float = 300.0, lead: str = "a") -> Host:
    """A host that served 1, then committed 2, which keeps 1 warm for `seconds`."""
    host = Host(lead=lead)
    commit(host.go("switched", 1), 1)
    host.say("finish", 1)
    host.lease(2, document={"keep_warm_seconds": seconds})
    for do in ("vote", "start", "ready", "arm", "switched"):
        assert host.say(do, 2)["ok"]
    return commit(host, 2)


def commit(host: Host, number: int) -> Host:
    told = host.say("commit", number) if host.lead == "a" else host.say("tell", number, decision=COMMITTED)
    assert told["ok"]
    return host


def test_an_order_about_what_serves_leaves_warm_what_was_warm() -> None:
    host = warm_host()
    host.say("finish", 2)
    host.lease(3, document={"leaves_warm": True})
    for do in ("vote", "start", "ready", "arm", "switched"):
        assert host.say(do, 3)["ok"]
    assert commit(host, 3).member.warm == Warm(1, host.now + 300.0)


@pytest.mark.parametrize("lead", ["a", "b"])
def test_what_a_commit_leaves_behind_stays_warm_for_as_long_as_its_deployment_says(lead: str) -> None:
    host = warm_host(lead=lead)
    assert host.member.warm == Warm(1, host.now + 300.0)
    assert decide.from_json(decide.to_json(host.member)) == host.member
    host.at(299.0).say("tick", None)
    assert host.member.warm is not None
    host.at(1.0).say("tick", None)
    assert host.member.warm is None


def test_nothing_is_kept_warm_unless_it_was_asked_for_nor_before_a_first_deployment() -> None:
    assert warm_host(seconds=0.0).member.warm is None
    first = Host()
    first.lease(1, document={"keep_warm_seconds": 300.0})
    for do in ("vote", "start", "ready", "arm", "switched", "commit"):
        assert first.say(do, 1)["ok"]
    assert first.member.warm is None


@pytest.mark.parametrize("ends", ["boot", "another commit", "remove"])
def test_what_is_warm_ends_with_a_reboot_a_later_commit_or_the_application(ends: str) -> None:
    host = warm_host()
    if ends == "boot":
        host.say("boot", None)
    elif ends == "another commit":
        host.say("finish", 2)
        commit(host.go("switched", 3), 3)
    else:
        host.say("remove", 2)
    assert host.member.warm is None


def test_what_is_warm_outlives_an_undone_deployment_and_a_question_answered_twice() -> None:
    host = warm_host()
    warm = host.member.warm
    host.say("finish", 2)
    host.go("switched", 3).say("undo", 3)
    assert host.member.warm == warm
    host.at(10.0).say("tell", 2, decision=COMMITTED)
    assert host.member.warm == warm, "the time counts from when the decision was learned"
