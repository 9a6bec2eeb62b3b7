"""Several hosts switch at one instant, as far ahead as the slowest of them needs to hear of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from shipway.execute.instant import MOST_SECONDS, Pace, at_one_instant
from shipway.model.plan import Step
from tests.execute.crowd import Crowd, deployed

SWITCH = Step("switch", "switch", {"pages": []}, "switch", 30.0)
PROOF = Step("prove", "prove", {}, "prove", 30.0)


@dataclass
class Clock:
    """Time that passes when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def pace_of(**seconds: float) -> Pace:
    """Hosts that took so long for their first word."""
    clock = Clock()
    pace = Pace(clock)
    for host, taken in seconds.items():
        clock.now = 100.0
        pace.asked(host)
        clock.now = 100.0 + taken
        pace.heard(host)
        clock.now = 1000.0
        pace.heard(host)
    return pace


def test_all_are_told_the_instant_at_which_the_slowest_is_ready() -> None:
    before = time.time()
    told = at_one_instant({"a": (SWITCH, PROOF), "b": (SWITCH,)}, pace_of(a=0.03, b=0.25, c=0.9))
    first = told["a"][0].args["instant"]
    assert first["within_seconds"] == pytest.approx(0.25) and before + 0.2 < first["at"] < time.time() + 0.3
    assert told["a"] == (Step("switch", "switch", {"pages": [], "instant": first}, "switch", 30.0), PROOF)
    assert told["b"][0].args["instant"] == first


def test_nobody_waits_for_a_host_that_takes_long() -> None:
    work = {"a": (SWITCH,), "b": (SWITCH,)}
    assert at_one_instant(work, pace_of(a=0.03, b=MOST_SECONDS + 0.1)) == work
    assert at_one_instant(work, pace_of(a=0.03, b=MOST_SECONDS - 0.1)) != work


@pytest.mark.parametrize(
    ("hosts", "pace"), [("a", pace_of(a=0.1)), ("ab", pace_of(a=0.1)), ("ab", pace_of())], ids=["one host", "one unheard", "none heard"]
)
def test_one_host_waits_for_nobody_and_none_is_told_what_nobody_knows(hosts: str, pace: Pace) -> None:
    work = dict.fromkeys(hosts, (SWITCH, PROOF))
    assert at_one_instant(work, pace) == work


def test_the_longest_that_a_host_ever_took_counts() -> None:
    clock = Clock()
    pace = Pace(clock)
    for seconds in (0.25, 0.5, 0.125):
        pace.asked("a")
        clock.now += seconds
        pace.heard("a")
    assert pace.slowest_seconds({"a": None}) == 0.5


@pytest.mark.parametrize(("hosts", "told"), [(1, False), (5, True)])
def test_a_deployment_tells_several_hosts_one_instant_and_one_host_none(hosts: int, told: bool) -> None:
    machines = deployed(Crowd(hosts)).machines.values()
    instants = [machine.instant for machine in machines]
    assert all(instant == instants[0] for instant in instants) and (instants[0] is not None) is told
