"""The rules of decision, one by one; then all of them together, in every order in which drivers, hosts and messages can fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway_agent import decide
from shipway_agent.decide import Attempt, Held, Lease, Member, Outcome, Warm
from shipway_agent.states import (
    ARMED,
    BACK,
    COMMITTED,
    DECISIONS,
    DISCARDED,
    LEASED,
    PREPARED,
    READY,
    RESTORING,
    REVERTED,
    STARTING,
    SWITCHED,
)
from tests.agent import explore_held, explore_terms
from tests.agent.explore import Bounds, Rules, explore, walk

LEASE_SECONDS = 30.0
CONFIRM_SECONDS = 60.0


class Host:
    """One host's record and its boot clock. `lead` names the host whose record holds the decision."""

    def __init__(self, name: str = "a", lead: str = "a") -> None:
        self.member = Member(name)
        self.lead = lead
        self.now = 1000.0

    def say(self, do: str, number: int | None = 1, **more: Any) -> dict[str, Any]:
        own = {} if number is None else {"deployment": f"d{number}", "fence": number}
        before = self.member
        self.member, reply = decide.handle(self.member, {"do": do, **own, **more}, self.now)
        if not reply["ok"]:
            assert self.member == before, "a refused message changes nothing"
        return reply

    def lease(self, number: int = 1, **more: Any) -> dict[str, Any]:
        return self.say(
            "lease",
            number,
            **{
                "owner": "ann@laptop",
                "seconds": LEASE_SECONDS,
                "lead": self.lead,
                "members": ["a", "b"],
                "confirm_seconds": CONFIRM_SECONDS,
                **more,
            },
        )

    def go(self, to: str, number: int = 1) -> Host:
        """Through the stages of a deployment, up to `to`."""
        path = ["lease", "vote", "start", "ready", "arm", "switched"]
        for do in path[: path.index(to) + 1]:
            reply = self.lease(number) if do == "lease" else self.say(do, number)
            assert reply["ok"], reply
        return self

    def stage(self, number: int = 1) -> str:
        attempt = self.member.attempt(f"d{number}")
        assert attempt is not None
        return attempt.stage

    def serves(self) -> int | None:
        return self.member.current

    def at(self, seconds: float) -> Host:
        self.now += seconds
        return self


# ------------------------------------------------------------------- leases


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


# -------------------------------------------------------------------- stages


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


# ----------------------------------------------------------------- decisions


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


# ----------------------------------------------------------------- deadlines


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


# --------------------------------------------------------------------- terms


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


# ------------------------------------------------------------------- reboots


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


# ---------------------------------------------------------------------- held

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


# -------------------------------------------------------------------- memory


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


# -------------------------------------------------------------------- warm


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


def test_a_record_of_an_agent_that_knew_no_warm_is_read() -> None:
    record = decide.to_json(Member("a", current=1))
    del record["warm"]
    assert decide.from_json(record) == Member("a", current=1)


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


def test_a_record_of_an_agent_before_hosts_could_leave_is_read() -> None:
    old = {key: value for key, value in decide.to_json(Member("a", fence=3)).items() if key != "left"}
    assert decide.from_json(old) == Member("a", fence=3)


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


deployments = st.sampled_from(["d1", "d2", "d3"])
messages = st.fixed_dictionaries(
    {
        "do": st.sampled_from(sorted(decide.RULES)),
        "deployment": deployments,
        "fence": st.integers(1, 3),
        "owner": st.just("ann"),
        "host": st.sampled_from("abc"),
        "seconds": st.floats(1, 40),
        "lead": st.sampled_from("ab"),
        "members": st.just(["a", "b"]),
        "confirm_seconds": st.floats(1, 80),
        "decision": st.sampled_from([COMMITTED, REVERTED]),
        "waits": st.booleans(),
        "point": st.sampled_from(["main-1", "main-2"]),
        "bound_seconds": st.just(60.0),
        "why": st.just("no room"),
    },
    optional={"term": st.integers(0, 2), "answer": st.just(True), "peers": st.just(["10.0.0.1:1"]), "document": st.just({"x": [1]})},
)


@given(st.sampled_from("ab"), st.lists(st.tuples(messages, st.floats(0, 50)), max_size=40))
def test_whatever_arrives_a_host_answers_keeps_its_word_and_its_record_survives_json(
    name: str, sent: list[tuple[dict[str, Any], float]]
) -> None:
    member, now = Member(name), 0.0
    for message, seconds in sent:
        now += seconds
        after, reply = decide.handle(member, message, now)
        assert reply["ok"] or (after == member and reply["code"])
        assert (after.term, after.fence) >= (member.term, member.fence)
        for attempt in member.attempts:
            if attempt.stage in DECISIONS and message["do"] != "remove":
                later = after.attempt(attempt.deployment)
                assert later is not None and (later == attempt or later.term > attempt.term), "a decision changes only to a higher term"
        assert len(after.open()) <= 1
        assert decide.from_json(decide.to_json(after)) == after
        member = after


# ------------------------------------------------------------- all together


def test_with_a_second_driver_and_a_death_at_any_moment_no_promise_is_broken() -> None:
    """Every state within these bounds, about 100,000."""
    explored = explore(Bounds(deaths=1))
    assert explored.whole
    assert not explored.faults, "\n".join(map(str, explored.faults))
    ends = {"exit 0", "exit 1", "dead"}
    assert {(number, end) for number in (1, 2) for end in ends} <= explored.exits, "what is never reached proves nothing"


def test_with_deaths_reboots_lone_reverts_and_late_messages_no_promise_is_broken() -> None:
    """Too many states to see all; random walks see some tens of thousands of the deeper ones."""
    explored = walk(Bounds(deaths=2, reboots=2, late=2, alone=2), seed=7, most_seconds=5)
    assert not explored.faults, "\n".join(map(str, explored.faults))
    assert {(1, "exit 0"), (1, "exit 1"), (2, "exit 0")} <= explored.exits


def test_with_a_lost_lead_and_two_aborts_that_end_anywhere_there_is_one_decision_a_term() -> None:
    """Every state there is, about 14,000."""
    found = explore_terms.explore()
    assert not found.faults, found.faults
    assert found.ends == {f"{decision} of term {number}" for decision in DECISIONS for number in (1, 2)}, (
        "what is never reached proves nothing"
    )


@pytest.mark.parametrize(("hosts", "bounds"), [(2, explore_held.Bounds(1, 1, 0)), (3, explore_held.Bounds(1, 0, 0))])
def test_held_requests_are_let_in_only_where_data_and_decision_agree(hosts: int, bounds: explore_held.Bounds) -> None:
    """Every state within these bounds, some 25,000 and 70,000."""
    found = explore_held.explore(hosts, bounds)
    assert not found.faults, found.faults
    assert {"committed, data new", "reverted, data old", "dead, data new"} <= found.ends, "what is never reached proves nothing"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hosts", "bounds"), [(2, explore_held.Bounds(1, 2, 0)), (2, explore_held.Bounds(1, 0, 1)), (3, explore_held.Bounds(1, 1, 0))]
)
def test_held_requests_with_reboots_and_late_messages(hosts: int, bounds: explore_held.Bounds) -> None:
    assert not explore_held.explore(hosts, bounds).faults


Rule = Callable[[Member, Mapping[str, Any], float], Outcome]


def nothing_is_put_back(is_touched: Callable[[Member, str], bool]) -> Callable[[Member, str], bool]:
    return lambda member, deployment: False


def whoever_holds_goes_back_alone(rule: Rule) -> Rule:
    def alone(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        free, reply = rule(replace(member, held=None), message, now)
        return (free, reply) if reply["ok"] else (member, reply)

    return alone


def a_lease_that_runs_out_lets_in(rule: Callable[[Member, float], Member]) -> Callable[[Member, float], Member]:
    def expire(member: Member, now: float) -> Member:
        after = rule(member, now)
        return after if after == member else replace(after, held=None)

    return expire


def the_way_back_may_be_left(rule: Rule) -> Rule:
    def commit(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        attempt = member.attempt(message["deployment"])
        if attempt is not None and attempt.stage == RESTORING:
            member = decide._put(member, replace(attempt, stage=SWITCHED))
        return rule(member, message, now)

    return commit


def who_lets_go_asks_no_more(rule: Rule) -> Rule:
    def finish(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        after, reply = rule(replace(member, held=None), message, now)
        return replace(after, held=member.held), reply

    return finish


MUTANTS_OF_HOLDING: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "the lead goes back before its data": ("is_touched", nothing_is_put_back),
    "a host that holds goes back alone": ("_alone", whoever_holds_goes_back_alone),
    "the hold ends with the lease": ("_expire", a_lease_that_runs_out_lets_in),
    "a commit is taken while data is put back": ("_commit", the_way_back_may_be_left),
    "a host whose driver lets go holds for ever": ("_finish", who_lets_go_asks_no_more),
}


@pytest.mark.parametrize("name", MUTANTS_OF_HOLDING)
def test_the_exploration_sees_what_each_rule_of_holding_is_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, mutant = MUTANTS_OF_HOLDING[name]
    rule = getattr(decide, function)
    monkeypatch.setattr(decide, function, mutant(rule))
    for do, known in decide.RULES.items():
        if known is rule:
            monkeypatch.setitem(decide.RULES, do, mutant(rule))
    assert explore_held.explore(2, explore_held.Bounds(1, 1, 1), first_fault=True).faults


def test_a_point_is_not_put_back_under_a_migration_that_still_runs() -> None:
    careless = explore_held.Care(waits_for_what_runs=False)
    assert explore_held.explore(2, explore_held.Bounds(1), careless, first_fault=True).faults


def answers_of_any_term_are_taken(rule: Rule) -> Rule:
    def tell(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        return rule(replace(member, term=0) if message.get("answer") else member, message, now)

    return tell


def a_fenced_host_decides_by_itself(rule: Rule) -> Rule:
    def tick(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        after, reply = rule(member, message, now)
        fenced = [a for a in after.attempts if a.deployment in reply["asks"] and after.term > a.term]
        for attempt in fenced:
            after = decide._learn(after, replace(attempt, term=after.term), REVERTED)
        return after, {"ok": True, "asks": [] if fenced else reply["asks"]}

    return tick


def the_newest_word_counts(rule: Rule) -> Rule:
    def tell(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        attempt = member.attempt(message["deployment"])
        if attempt is None or attempt.stage not in DECISIONS or attempt.stage == message["decision"]:
            return rule(member, message, now)
        return decide._learn(member, attempt, message["decision"]), {"ok": True, "decision": message["decision"]}

    return tell


MUTANTS_OF_TERMS: Mapping[str, tuple[str, Callable[[Rule], Rule]]] = {
    "answers of a lower term are taken": ("tell", answers_of_any_term_are_taken),
    "a fenced host decides by itself": ("tick", a_fenced_host_decides_by_itself),
    "a decision is replaced whatever its term": ("tell", the_newest_word_counts),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS_OF_TERMS)
def test_the_exploration_sees_what_terms_are_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    do, mutant = MUTANTS_OF_TERMS[name]
    monkeypatch.setitem(decide.RULES, do, mutant(decide.RULES[do]))
    assert explore_terms.explore().faults


def without_going_forward_again(rule: Callable[[Member, Attempt, str], Member]) -> Callable[[Member, Attempt, str], Member]:
    def learn(member: Member, attempt: Attempt, decision: str) -> Member:
        after = rule(member, attempt, decision)
        return replace(after, current=member.current) if attempt.stage == BACK else after

    return learn


def without_the_way_back(rule: Callable[[Member, Attempt, str], Member]) -> Callable[[Member, Attempt, str], Member]:
    def learn(member: Member, attempt: Attempt, decision: str) -> Member:
        after = rule(member, attempt, decision)
        return replace(after, current=member.current) if decision == REVERTED else after

    return learn


def members_decide_for_themselves(rule: Rule) -> Rule:
    def tick(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        after, reply = rule(member, message, now)
        for deployment in reply["asks"]:
            attempt = after.attempt(deployment)
            assert attempt is not None
            after = replace(decide._put(after, replace(attempt, stage=REVERTED)), current=attempt.base)
        return after, {"ok": True, "asks": []}

    return tick


def intents_are_discarded_too(rule: Callable[[Member, float], Member]) -> Callable[[Member, float], Member]:
    def expire(member: Member, now: float) -> Member:
        after = rule(member, now)
        if after == member:
            return member
        return replace(after, attempts=tuple(replace(a, stage=DISCARDED) if a.stage not in DECISIONS else a for a in after.attempts))

    return expire


def last_writer_wins(stage: str) -> Callable[[Rule], Rule]:
    def mutant(rule: Rule) -> Rule:
        def written(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
            attempt = member.attempt(message["deployment"])
            if attempt is None or attempt.stage not in DECISIONS:
                return rule(member, message, now)
            current = attempt.target if stage == COMMITTED else attempt.base
            return replace(decide._put(member, replace(attempt, stage=stage)), current=current), {"ok": True, "decision": stage}

        return written

    return mutant


def the_lead_answers_before_it_writes(rule: Rule) -> Rule:
    return lambda member, message, now: (member, rule(member, message, now)[1])


def the_lead_waits_for_a_dead_driver(rule: Rule) -> Rule:
    def ask(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        attempt = member.attempt(message["deployment"])
        undecided = attempt is not None and attempt.stage not in DECISIONS
        return (member, {"ok": True, "decision": None}) if undecided else rule(member, message, now)

    return ask


def the_base_is_forgotten(rule: Rule) -> Rule:
    def arm(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        after, reply = rule(member, message, now)
        attempt = after.attempt(message["deployment"])
        return (decide._put(after, replace(attempt, base=None)) if reply["ok"] and attempt is not None else after), reply

    return arm


def the_open_one_is_switched_over(rule: Rule) -> Rule:
    def arm(member: Member, message: Mapping[str, Any], now: float) -> Outcome:
        attempt = member.attempt(message["deployment"])
        alone = replace(member, attempts=() if attempt is None else (attempt,))
        after, reply = rule(alone, message, now)
        armed = after.attempt(message["deployment"])
        return (decide._put(member, armed) if reply["ok"] and armed is not None else member), reply

    return arm


MUTANTS: Mapping[str, tuple[str, Callable[[Any], Any], Bounds, Rules]] = {
    "a commit is acknowledged by a host that went back": ("_learn", without_going_forward_again, Bounds(0, 1), Rules()),
    "an undo leaves the new generation": ("_learn", without_the_way_back, Bounds(0), Rules()),
    "a member decides past its deadline": ("_tick", members_decide_for_themselves, Bounds(0), Rules()),
    "an intent is discarded with the lease": ("_expire", intents_are_discarded_too, Bounds(1), Rules()),
    "a commit overwrites a reverted": ("_commit", last_writer_wins(COMMITTED), Bounds(0), Rules()),
    "an undo overwrites a committed": ("_undo", last_writer_wins(REVERTED), Bounds(0), Rules()),
    "the lead answers before it writes": ("_ask", the_lead_answers_before_it_writes, Bounds(0), Rules()),
    "the lead waits for a dead driver": ("_ask", the_lead_waits_for_a_dead_driver, Bounds(1), Rules()),
    "what was current is not remembered": ("_arm", the_base_is_forgotten, Bounds(0), Rules()),
    "a careless driver may switch over what is open": ("_arm", the_open_one_is_switched_over, Bounds(1), Rules(settle_what_is_open=False)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_the_exploration_sees_what_each_rule_is_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, mutant, bounds, rules = MUTANTS[name]
    rule = getattr(decide, function)
    monkeypatch.setattr(decide, function, mutant(rule))
    for do, known in decide.RULES.items():
        if known is rule:
            monkeypatch.setitem(decide.RULES, do, mutant(rule))
    assert explore(bounds, rules, first_fault=True).faults


def test_a_driver_must_write_its_undo_on_the_lead_before_it_tells_anybody() -> None:
    assert explore(Bounds(deaths=1), Rules(undo_at_the_lead_first=False), first_fault=True).faults


@pytest.mark.slow
def test_a_driver_that_does_not_settle_what_is_open_is_stopped_by_the_hosts() -> None:
    explored = explore(Bounds(deaths=0), Rules(settle_what_is_open=False), most_seconds=3)
    assert not explored.faults, "\n".join(map(str, explored.faults))


def test_a_record_can_be_read_by_people() -> None:
    lease = Lease("d1", "ann@laptop", 1, since=10.0, until=40.0)
    attempt = Attempt("d1", 1, SWITCHED, "a", ("a", "b"), 60.0, base=None, deadline=70.0, document={"commit": "abc"})
    assert decide.to_json(Member("a", 0, 1, lease, 1, (attempt,))) == {
        "name": "a",
        "term": 0,
        "fence": 1,
        "lease": {"deployment": "d1", "owner": "ann@laptop", "fence": 1, "since": 10.0, "until": 40.0},
        "current": 1,
        "attempts": (
            {
                "deployment": "d1",
                "fence": 1,
                "stage": "switched",
                "lead": "a",
                "members": ("a", "b"),
                "confirm_seconds": 60.0,
                "base": None,
                "deadline": 70.0,
                "document": {"commit": "abc"},
                "term": 0,
            },
        ),
        "warm": None,
        "left": {},
    }
