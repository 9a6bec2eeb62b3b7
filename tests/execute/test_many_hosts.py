"""What a host costs the operator is the same among few and among many: planned, leased, driven to its decision, told and reported.

Counted, not timed: the planner's function calls, exchanges, events, and bytes. Once on bare hosts, once on those that serve already: what
they remember of all the others must not come back a thousand times.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest

from shipway.execute.fleet import Fleet
from shipway.reports.json import report
from shipway.transports.memory import Emit, MemoryTransport
from tests.execute.crowd import Crowd
from tests.plan import fleet as fleets

FEW, MANY = 40, 400
NOISE = 1.06
"""Elders are told everybody: 16 of 40 is more than 16 of 400, but each then hears of ten times as many. Longer numbers take a byte more."""

A_THOUSAND = 1000


@dataclass(frozen=True)
class Cost:
    """Of one host, on average."""

    planner_calls: float
    exchanges: float
    events: float
    bytes: float


def cost_among(count: int, *, before: bool = False) -> Cost:
    calls = 0

    def through(part: str, work: Callable[[], Any]) -> Any:
        nonlocal calls
        if part != "plan":
            return work()
        made, calls = counted(work)
        return made

    crowd = Crowd(count, before=before, through=through)
    asyncio.run(crowd.deploy())
    assert len(report(crowd.told)["hosts"]) == count
    return Cost(calls / count, crowd.exchanges / count, len(crowd.told) / count, crowd.bytes / count)


def counted(work: Callable[[], Any]) -> tuple[Any, int]:
    """What it makes, and how many functions it calls."""
    calls = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        made = work()
    finally:
        sys.setprofile(before)
    return made, calls


@pytest.mark.parametrize("before", [False, True], ids=["bare", "serving"])
def test_a_host_costs_no_more_among_many(before: bool) -> None:
    few, many = cost_among(FEW, before=before), cost_among(MANY, before=before)
    print(f"\nof {FEW}: {few}\nof {MANY}: {many}")
    assert many.exchanges <= few.exchanges <= 9
    assert many.events <= few.events
    assert many.planner_calls <= NOISE * few.planner_calls
    assert many.bytes <= NOISE * few.bytes


def test_one_of_a_thousand_that_hangs_holds_up_nobody_before_a_barrier() -> None:
    """Each is asked at once and has a bound of its own: one never answers, one only when all others have."""
    names = [f"h{number:04}" for number in range(A_THOUSAND)]
    dead, late = names[3], names[4]
    answered: set[str] = set()
    others = asyncio.Event()

    class Host:
        def __init__(self, name: str) -> None:
            self._name = name

        async def answer(self, name: str, args: dict[str, Any], body: bytes, emit: Emit) -> dict[str, Any]:
            if self._name == dead:
                await asyncio.Event().wait()
            answered.add(self._name)
            if len(answered) == A_THOUSAND - 1:
                others.set()
            if self._name == late:
                await others.wait()
            return {}

    transport = MemoryTransport({name: Host(name) for name in names})
    hosts = fleets.intent(names).environment.hosts

    async def missed() -> set[str]:
        async with Fleet(hosts, app="shop", environment="production", transport_for=lambda host: transport) as fleet:
            found = await fleet.each(lambda name: fleet.call(name, "look", timeout_seconds=0.5 if name == dead else 60.0))
            return set(found.errors)

    assert asyncio.run(missed()) == {dead}
    assert answered == {*names} - {dead}
