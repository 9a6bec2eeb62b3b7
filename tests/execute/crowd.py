"""A number of hosts in, one deployment of all of them out: planned, leased and driven to its decision over the in-memory transport."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from shipway.execute import ask
from shipway.execute.conduct import Conduct
from shipway.execute.fleet import Fleet
from shipway.execute.lease import Claim, take
from shipway.execute.telling import Tell
from shipway.model.event import Event
from shipway.model.plan import Plan
from shipway.plan.deploy import plan_deploy
from shipway.plan.facts import read_facts
from shipway.transports.memory import Emit, MemoryTransport
from tests.plan import fleet as fleets

T = TypeVar("T")


def _once(part: str, work: Callable[[], T]) -> T:
    return work()


class Machine:
    """A host without a machine: it grants, does and acknowledges whatever it is asked."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.exchanges = 0
        self.bytes = 0
        self.instant: dict[str, float] | None = None

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
            self.instant = step["args"].get("instant", self.instant)
            answer = {"at_boot": 1.0, "base": None, "seconds": 0.01} if step["do"] == "switch" else {}
            emit({"event": "step", "key": step["key"], "state": "started", "seconds": 0.0})
            emit({"event": "step", "key": step["key"], "state": "done", "seconds": 0.0, "answer": answer})
            done.append({"key": step["key"], "seconds": 0.0, "answer": answer, "reused": False})
        return {"done": done, "failed": None}


class Talking:
    """A machine, and a word to whoever logs in anew."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def answer(self, name: str, args: dict[str, Any], body: bytes, emit: Emit) -> dict[str, Any]:
        return {"clock": 1790000000.0} if name == "fresh" else self._machine.answer(name, args, body, emit)


@dataclass
class Crowd:
    """So many hosts; on those that serve already (`before`) it is the second release that is deployed. `told` are the events.

    `through` is handed each part of the work that waits for nobody: "facts" and "plan". `entered` hears when a part that waits begins.
    """

    hosts: int
    before: bool = False
    through: Callable[[str, Callable[[], Any]], Any] = _once
    entered: Callable[[str], None] = lambda part: None
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.intent = fleets.intent([f"h{number:05}" for number in range(self.hosts)])
        said = fleets.serving(self.intent, [fleets.release(1)] if self.before else [])
        self.machines = {name: Machine(facts) for name, facts in said.items()}

    async def deploy(self) -> None:
        """To the end, as flows/transact does it."""
        hosts = self.intent.environment.hosts
        transport = MemoryTransport({name: Talking(machine) for name, machine in self.machines.items()})
        milliseconds = count(1790000000_000)
        tell = Tell(self.told.append, lambda: next(milliseconds) / 1000, "1-x")
        async with Fleet(hosts, app="shop", environment="production", transport_for=lambda host: transport) as fleet:
            self.entered("connect and look")
            assert (await fleet.connect()).ok
            looked = (await ask.look(fleet)).answers
            facts = self.through("facts", lambda: {name: read_facts(name, said) for name, said in looked.items()})
            caddies = dict.fromkeys(facts, fleets.CADDY)
            about: dict[str, Any] = {"deployment": "1-x", "who": "ann", "number": 2, "caddies": caddies, "peer_key": fleets.KEY}
            plan: Plan = self.through("plan", lambda: plan_deploy(self.intent, fleets.release(2), facts, **about))
            claim = Claim("1-x", 2, "ann", plan.lead, plan.members, plan.lease_seconds, plan.confirm_seconds, plan.document)
            tell("began", **plan.document, members=list(plan.members), lead=plan.lead, notes=list(plan.notes))
            self.entered("leases")
            await take(fleet, claim, tell)
            self.entered("barriers and the decision")
            assert (await Conduct(fleet, plan, claim, None, tell).run()).live
            self.entered("")

    @property
    def exchanges(self) -> int:
        return sum(machine.exchanges for machine in self.machines.values())

    @property
    def bytes(self) -> int:
        return sum(machine.bytes for machine in self.machines.values())


def deployed(crowd: Crowd) -> Crowd:
    """The same, once it was deployed."""
    asyncio.run(crowd.deploy())
    return crowd
