"""Which deployment somebody means who attaches, when it is over, and its verdict: from what hosts say alone."""

from __future__ import annotations

from typing import Any

import pytest

from shipway.flows.watched import ABSENT_SECONDS, STILL_SECONDS, Watched, meant
from shipway.ledger.retell import Failure, Retelling
from shipway.model.doing import Doing
from shipway.model.facts import Attempt, HostFacts
from tests.plan.fleet import WEB, facts, intent, release, serving

D = "3-x"


def watched(stages: dict[str, str], kind: str = "deploy", **doing: Any) -> Watched:
    """A deployment of hosts a and b, of which each said this stage at second 0; `doing` is what all of them said besides."""
    document = {"kind": kind, "version": "1.3", "commit": "c" * 40}
    one = Watched(Attempt(D, 3, "leased", "a", ("a", "b"), document=document), "production", Retelling(D))
    for host, stage in stages.items():
        one.hear(host, Doing(D, stage, **doing), 0.0)
    return one


BOTH = {"a": 3, "b": 3}


def test_live_is_committed_everywhere_and_read_back() -> None:
    one = watched({"a": "committed", "b": "committed"})
    assert one.over(0.0)
    verdict = one.verdict(BOTH)
    assert (verdict.verdict, verdict.exit_code) == ("live", 0) and "1.3 is live in production" in verdict.message
    behind = one.verdict({"a": 3, "b": 2})
    assert behind.exit_code == 4 and "b does not serve it" in behind.message and "shipway resume production" in behind.hint
    assert one.verdict({"a": 3}).exit_code == 4, "a host that could not be read proves nothing"
    assert "generation 5 has followed it" in one.verdict({"a": 5, "b": 5}).message


def test_undone_ends_with_1_and_names_the_cause() -> None:
    one = watched({"a": "reverted", "b": "discarded"})
    one.telling.failure = Failure("b", "run check", "task-failed", "exit code 3")
    verdict = one.verdict({})
    assert (one.over(0.0), verdict.exit_code) == (True, 1)
    assert "exit code 3 on b in step run check" in verdict.message and "shipway deploy production" in verdict.hint


def test_it_is_not_over_while_a_driver_lives_or_a_host_does_not_know() -> None:
    assert not watched({"a": "committed", "b": "committed"}, left_seconds=3.0).over(0.0), "the driver still cleans up"
    assert not watched({"a": "committed", "b": "switched"}, decides_seconds=9.0).over(1000.0)
    assert not watched({"a": "committed", "b": "back"}).over(STILL_SECONDS - 1)


def test_an_open_deployment_in_which_nobody_moves_ends_with_4() -> None:
    one = watched({"a": "committed", "b": "back"}, decides_seconds=0.0)
    assert one.over(STILL_SECONDS)
    verdict = one.verdict({})
    assert verdict.exit_code == 4 and "is committed, and b is back" in verdict.message


def test_a_host_that_cannot_be_heard_is_waited_for_and_then_named() -> None:
    one = watched({"a": "reverted"})
    one.miss("b", "no route to host", 0.0)
    assert not one.over(ABSENT_SECONDS - 1) and one.over(ABSENT_SECONDS)
    verdict = one.verdict({})
    assert verdict.exit_code == 4 and "b cannot be heard (no route to host)" in verdict.message
    one.hear("b", Doing(D, "reverted"), ABSENT_SECONDS)
    assert one.over(ABSENT_SECONDS) and one.verdict({}).exit_code == 1


@pytest.mark.parametrize(
    ("kind", "voted", "finished", "code"),
    [
        ("prepare", True, True, 0),
        ("prepare", True, False, 1),
        ("deploy", True, False, 1),
        ("deploy", False, True, 3),
        ("resume", False, True, 0),
    ],
)
def test_what_was_never_decided(kind: str, voted: bool, finished: bool, code: int) -> None:
    one = watched({"a": "discarded", "b": "discarded"}, kind)
    one.telling.voted = {"a", "b"} if voted else set()
    one.telling.finished = {"a", "b"} if finished else set()
    assert one.over(0.0) and one.verdict({}).exit_code == code


def fleet(**doing: Any) -> dict[str, HostFacts]:
    """Two hosts that had two deployments, and an attempt of a third."""
    said = serving(intent(("a", "b"), processes=(WEB,)), [release(1), release(2)])
    for host in said.values():
        last = host["member"]["attempts"][-1]
        host["member"]["attempts"].append({**last, "deployment": D, "fence": 3, "stage": "discarded"})
        host["doing"] = doing or None
    return facts(said)


def test_without_words_it_is_what_goes_on_else_the_last_that_came_to_something() -> None:
    assert [attempt.fence for attempt in meant(fleet(), None)] == [2], "an attempt that was refused is no deployment"
    assert [attempt.deployment for attempt in meant(fleet(deployment=D), None)] == [D]
    assert meant({}, None) == []


def test_words_are_an_id_the_beginning_of_one_or_a_number() -> None:
    assert [attempt.fence for attempt in meant(fleet(), D)] == [3]
    assert [attempt.fence for attempt in meant(fleet(), "3")] == [3]
    assert meant(fleet(), "9") == []
