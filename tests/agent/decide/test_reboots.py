"""What a reboot leaves of a deployment: what was decided, and what had no decision yet."""

from __future__ import annotations

from shipway_agent.states import (
    BACK,
    COMMITTED,
    DISCARDED,
)
from tests.agent.decide.host import Host


def test_after_a_reboot_an_unconfirmed_generation_comes_back_as_the_old_one() -> None:
    for to in ("arm", "switched"):
        host = Host("b").go("switched")
        host.say("tell", decision=COMMITTED)
        host.say("finish")
        host.go(to, 2)
        host.now = 5.0  # the boot clock starts again
        host.say("boot", None)
        assert (host.stage(2), host.member.current, host.member.lease) == (BACK, 1, None)
        assert host.say("tick", None)["asks"] == ["d2"], "and asks at once"


def test_after_a_reboot_what_had_no_intent_is_discarded_and_what_was_decided_stays() -> None:
    host = Host().go("ready")
    host.say("boot", None)
    assert host.stage() == DISCARDED
    host = Host().go("switched")
    host.say("commit")
    host.say("boot", None)
    assert (host.stage(), host.member.current) == (COMMITTED, 1)
