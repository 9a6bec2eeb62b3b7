"""What a host costs the operator is the same among few and among many: planned, leased, driven to its decision, told and reported.

Counted, not timed: the planner's function calls, exchanges, events, and bytes. Once on bare hosts, once on those that serve already: what
they remember of all the others must not come back a thousand times.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest

from shipway.execute import ask
from shipway.execute.conduct import Conduct
from shipway.execute.fleet import Fleet
from shipway.execute.lease import Claim, take
from shipway.execute.telling import Tell
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.plan.deploy import plan_deploy
from shipway.plan.facts import read_facts
from shipway.reports.json import report
from shipway.transports.memory import Emit, MemoryTransport
from tests.plan import fleet as fleets

FEW, MANY = 40, 400
NOISE = 1.06
"""Elders are told everybody: 16 of 40 is more than 16 of 400, but each then hears of ten times as many. Longer numbers take a byte more."""

A_THOUSAND = 1000


class Machine:
    """A host without a machine: it grants, does and acknowledges whatever it is asked."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.exchanges = 0
        self.bytes = 0

    def answer(self, name: str, args: dict[str, Any], body: bytes, emit: Emit) -> dict[str, Any]:
        self.exchanges += 1
        self.bytes += len(json.dumps(args))
        if name == "look":
            return self.facts
        if name == "decide":
            return {"ok": True, "facts": self.facts} if args["do"] == "lease" else {"ok": True, "decision": "committed"}
        assert name == "run"
        done = []
        for step in args["steps"]:
            answer = {"at_boot": 1.0, "base": None, "seconds": 0.01} if step["do"] == "switch" else {}
            emit({"event": "step", "key": step["key"], "state": "started", "seconds": 0.0})
            emit({"event": "step", "key": step["key"], "state": "done", "seconds": 0.0, "answer": answer})
            done.append({"key": step["key"], "seconds": 0.0, "answer": answer, "reused": False})
        return {"done": done, "failed": None}


@dataclass(frozen=True)
class Cost:
    """Of one host, on average."""

    planner_calls: float
    exchanges: float
    events: float
    bytes: float


def cost_among(count: int, *, before: bool = False) -> Cost:
    """With something `before` it is the second release that is deployed."""
    intent = fleets.intent([f"h{number:05}" for number in range(count)])
    said = fleets.serving(intent, [fleets.release(1)] if before else [])
    machines = {name: Machine(facts) for name, facts in said.items()}
    transport = MemoryTransport({name: Talking(machine) for name, machine in machines.items()})
    told: list[Event] = []
    tell = Tell(told.append, lambda: 1790000000.0, "1-x")
    calls = 0

    async def deployed() -> None:
        nonlocal calls
        async with Fleet(intent.environment.hosts, app="shop", environment="production", transport_for=lambda host: transport) as fleet:
            assert (await fleet.connect()).ok
            facts = {name: read_facts(name, said) for name, said in (await ask.look(fleet)).answers.items()}
            caddies = dict.fromkeys(facts, fleets.CADDY)
            plan, calls = counted(
                lambda: plan_deploy(
                    intent, fleets.release(2), facts, deployment="1-x", who="ann", number=2, caddies=caddies, peer_key=fleets.KEY
                )
            )
            claim = Claim("1-x", 2, "ann", plan.lead, plan.members, plan.lease_seconds, plan.confirm_seconds, plan.document)
            tell("began", **plan.document, members=list(plan.members), lead=plan.lead, notes=list(plan.notes))
            await take(fleet, claim, tell)
            assert (await Conduct(fleet, plan, claim, None, tell).run()).live

    asyncio.run(deployed())
    assert len(report(told)["hosts"]) == count
    exchanges = sum(machine.exchanges for machine in machines.values())
    return Cost(calls / count, exchanges / count, len(told) / count, sum(machine.bytes for machine in machines.values()) / count)


class Talking:
    """A machine, and a word to whoever logs in anew."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def answer(self, name: str, args: dict[str, Any], body: bytes, emit: Emit) -> dict[str, Any]:
        return {"clock": 1790000000.0} if name == "fresh" else self._machine.answer(name, args, body, emit)


def counted(work: Callable[[], Plan]) -> tuple[Plan, int]:
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
