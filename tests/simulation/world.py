"""Hosts, network and drivers of a simulated fleet around the real decision code (shipway_agent.decide, shipway.execute).

A host keeps its record (durable) apart from what runs (lost at a reboot). The network delays, loses and cuts. A driver
dies at a chosen call, before the call leaves or before its answer arrives. Everything that happens goes into `history`,
which is all that the checker reads.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shipway.model.errors import HostRefused, LinkLost, Overdue, Unreachable
from shipway.model.intent import Host
from shipway_agent import decide
from shipway_agent.decide import Member
from shipway_agent.states import ARMED

TICK_SECONDS = 0.25
DIAL_SECONDS = 1.0

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Happening:
    """One line of a history."""

    at: float
    what: str
    host: str = ""
    data: Json = field(default_factory=dict)


class Died(BaseException):
    """The driver was killed. Nothing it does afterwards reaches anybody."""


@dataclass
class Faults:
    """What goes wrong. `dies_at` is the number of the driver's call; `after` kills it between the effect and the answer.

    `sleeps_at` is a laptop that is closed at that call and opened again later. `at_that_call` happens at the same moment.
    """

    dies_at: int | None = None
    after: bool = False
    sleeps_at: int | None = None
    sleep_seconds: float = 25.0
    at_that_call: Callable[[World], None] = lambda world: None
    lost_share: float = 0.0
    slow_seconds: float = 0.05
    fails: dict[str, str] = field(default_factory=dict)
    step_seconds: dict[str, float] = field(default_factory=dict)


class SimulatedHost:
    """One host: its record, its `current` link, and the calls of an agent's session."""

    def __init__(self, world: World, name: str, clock_offset: float) -> None:
        self.world = world
        self.name = name
        self.up = True
        self.member = Member(name)
        self.link: int | None = None
        self.steps: dict[tuple[str, str], dict[str, Any]] = {}
        self.documents: dict[int, Json] = {}
        self._offset = clock_offset
        self._boots = 0

    def now(self) -> float:
        """Its own boot clock; hosts do not agree on it."""
        return asyncio.get_running_loop().time() + self._offset

    def decide(self, message: Json) -> dict[str, Any]:
        """A message to the record; then the link follows the record, as apply does."""
        before = self.member
        self.member, reply = decide.handle(self.member, message, self.now())
        if self.member != before:
            self.apply()
        self.world.note(message["do"], self.name, deployment=message.get("deployment"), ok=reply["ok"], decision=reply.get("decision"))
        return reply

    def apply(self) -> None:
        """Make the link what the record says, except while an intent is journalled and its rename may be under way."""
        if any(attempt.stage == ARMED for attempt in self.member.attempts):
            return
        if self.link != self.member.current:
            self.link = self.member.current
            self.world.note("serves", self.name, generation=self.link)

    async def live(self) -> None:
        """The daemon: ticks, and asks the lead for what is due."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if not self.up:
                continue
            for deployment in self.decide({"do": "tick"})["asks"]:
                await self._ask(deployment)

    async def reboot(self, seconds: float) -> None:
        """Everything volatile is gone; the record is read again."""
        self.up = False
        self.world.note("down", self.name)
        await asyncio.sleep(seconds)
        self.up = True
        self._boots += 1
        self.decide({"do": "boot"})
        self.apply()
        self.world.note("up", self.name)

    async def _ask(self, deployment: str) -> None:
        attempt = self.member.attempt(deployment)
        assert attempt is not None
        lead = self.world.hosts[attempt.lead]
        await asyncio.sleep(self.world.latency())
        if not lead.up or self.world.is_cut(self.name, lead.name):
            await asyncio.sleep(DIAL_SECONDS)
            self.decide({"do": "alone", "deployment": deployment})
            return
        reply = lead.decide({"do": "ask", "deployment": deployment})
        await asyncio.sleep(self.world.latency())
        if self.world.is_cut(self.name, lead.name) or not self.up:
            return
        if reply["ok"] and reply["decision"] is not None:
            self.decide({"do": "tell", "deployment": deployment, "decision": reply["decision"], "answer": True})

    async def answer(self, call: str, args: Json, emit: Callable[[Json], None]) -> dict[str, Any]:
        """One call of a session, as docs/contracts.md lists them."""
        if call == "decide":
            return self.decide(args)
        if call == "run":
            return await self._run(args, emit)
        if call == "look":
            return self.facts()
        if call == "events":
            mine = [key for deployment, key in self.steps if deployment == args["deployment"]]
            return {"events": [{"kind": "step", "data": {"key": key, "state": "done"}} for key in mine]}
        if call in ("hello", "fresh"):
            return {"host": self.name}
        raise AssertionError(call)

    def facts(self) -> dict[str, Any]:
        return {"member": decide.to_json(self.member), "link": self.link, "generations": dict(self.documents), "busy": []}

    async def _run(self, args: Json, emit: Callable[[Json], None]) -> dict[str, Any]:
        done = []
        for step in args["steps"]:
            key = (args["deployment"], step["key"])
            if key in self.steps:
                done.append({"key": step["key"], "seconds": 0.0, "answer": self.steps[key], "reused": True})
                continue
            emit({"event": "step", "key": step["key"], "state": "started"})
            try:
                answer = await self._step(args, step)
            except HostRefused as error:
                return {"done": done, "failed": {"key": step["key"], "code": error.code, "message": error.message}}
            self.steps[key] = answer
            emit({"event": "step", "key": step["key"], "state": "done", "answer": answer, "seconds": 0.0})
            done.append({"key": step["key"], "seconds": 0.0, "answer": answer, "reused": False})
        return {"done": done, "failed": None}

    async def _step(self, args: Json, step: Json) -> dict[str, Any]:
        await asyncio.sleep(self.world.faults.step_seconds.get(f"{self.name}:{step['key']}", 0.1))
        attempt = self.member.attempt(args["deployment"])
        if not args["decided"] and (attempt is None or attempt.stage in ("committed", "reverted", "discarded")):
            raise HostRefused(self.name, "settled", "the deployment is decided here")
        why = self.world.faults.fails.get(f"{self.name}:{step['key']}")
        if why is not None:
            raise HostRefused(self.name, "task-failed", why)
        numbers = {"deployment": args["deployment"], "fence": args["fence"], "term": args["term"]}
        if step["do"] == "member":
            reply = self.decide({**numbers, **step["args"]})
            if not reply["ok"]:
                raise HostRefused(self.name, reply["code"], f"refused: {reply['code']}")
            return reply
        if step["do"] == "switch":
            return self._switch(numbers)
        if step["do"] == "prove":
            await asyncio.sleep(step["args"]["watch_seconds"])
            if self.link != args["fence"]:
                raise HostRefused(self.name, "not-ours", "another generation is current")
            return {"probes": []}
        if step["do"] == "task.run":
            self.world.note("task", self.name, key=step["key"], deployment=args["deployment"])
        return {}

    def _switch(self, numbers: Json) -> dict[str, Any]:
        reply = self.decide({**numbers, "do": "arm"})
        if not reply["ok"]:
            raise HostRefused(self.name, reply["code"], f"refused: {reply['code']}")
        self.link = int(numbers["fence"])
        if f"{self.name}:prove" in self.world.faults.fails:
            self.world.note("sick", self.name, generation=self.link)
        self.world.note("serves", self.name, generation=self.link)
        done = self.decide({**numbers, "do": "switched"})
        if not done["ok"]:
            raise HostRefused(self.name, done["code"], f"refused: {done['code']}")
        return {"base": reply["base"], "seconds": 0.0, "at_boot": self.now()}


class SimulatedChannel:
    """A driver's channel to one host over the simulated network."""

    def __init__(self, world: World, host: Host, driver: Driver) -> None:
        self.host = host
        self._world = world
        self._driver = driver
        self._epoch = world.hosts[host.name]._boots

    @property
    def bytes_sent(self) -> int:
        return 0

    async def close(self) -> None:
        return None

    async def call(
        self,
        name: str,
        args: Json | None = None,
        *,
        body: AsyncIterator[bytes] | None = None,
        on_event: Callable[[Json], None] | None = None,
        timeout_seconds: float = 30.0,
    ) -> dict[str, Any]:
        await self._driver.awake()
        number = self._driver.count(name, args or {})
        await self._driver.maybe_die(number, after=False)
        work = asyncio.ensure_future(self._exchange(name, args or {}, on_event or (lambda event: None)))
        try:
            answer = await asyncio.wait_for(asyncio.shield(work), timeout_seconds)
        except TimeoutError:
            raise Overdue(self.host.name, "overdue", f"no answer within {timeout_seconds} s") from None
        finally:
            self._world.keep(work)
        await self._driver.maybe_die(number, after=True)
        return answer

    async def _exchange(self, name: str, args: Json, emit: Callable[[Json], None]) -> dict[str, Any]:
        host = self._world.hosts[self.host.name]
        await asyncio.sleep(self._world.latency())
        self._reachable()
        if self._world.loses():
            raise LinkLost(self.host.name, "lost", "the link broke before the question arrived")
        answer = await host.answer(name, args, emit)
        await asyncio.sleep(self._world.latency())
        self._reachable()
        if self._world.loses():
            raise LinkLost(self.host.name, "lost", "the link broke before the answer arrived")
        return answer

    def _reachable(self) -> None:
        host = self._world.hosts[self.host.name]
        if not host.up or host._boots != self._epoch or self._world.is_cut("operator", self.host.name):
            raise LinkLost(self.host.name, "lost", "the link broke")


@dataclass
class Driver:
    """One operator's program: it counts its calls, and dies at the one that the faults name."""

    world: World
    name: str
    faults: Faults
    calls: list[str] = field(default_factory=list)
    dead: bool = False
    asleep_until: float = 0.0

    def count(self, call: str, args: Json) -> int:
        self.calls.append(f"{call}:{args.get('do', '')}")
        return len(self.calls)

    async def maybe_die(self, number: int, *, after: bool) -> None:
        if self.dead:
            raise Died
        if after != self.faults.after or number not in (self.faults.dies_at, self.faults.sleeps_at):
            return
        self.faults.at_that_call(self.world)
        if number == self.faults.sleeps_at:
            self.asleep_until = asyncio.get_running_loop().time() + self.faults.sleep_seconds
            self.world.note("driver sleeps", driver=self.name, call=self.calls[number - 1])
        if number == self.faults.dies_at:
            self.dead = True
            self.world.note("driver died", driver=self.name, call=self.calls[number - 1])
            raise Died
        await self.awake()

    async def awake(self) -> None:
        """Nothing of a stopped program runs, its renewals neither."""
        await asyncio.sleep(max(0.0, self.asleep_until - asyncio.get_running_loop().time()))

    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> SimulatedChannel:
        await self.awake()
        number = self.count("open", {})
        await self.maybe_die(number, after=False)
        await asyncio.sleep(self.world.latency())
        if not self.world.hosts[host.name].up or self.world.is_cut("operator", host.name):
            await asyncio.sleep(DIAL_SECONDS)
            raise Unreachable(host.name, "unreachable", "no route to host")
        await self.maybe_die(number, after=True)
        return SimulatedChannel(self.world, host, self)


class World:
    """A fleet, its network and its history, all from one seed."""

    def __init__(self, names: tuple[str, ...], seed: int = 0, faults: Faults | None = None) -> None:
        self.random = random.Random(seed)
        self.faults = faults or Faults()
        self.history: list[Happening] = []
        self.hosts = {name: SimulatedHost(self, name, self.random.uniform(0, 1e6)) for name in names}
        self._cuts: set[frozenset[str]] = set()
        self._kept: set[asyncio.Future[Any]] = set()

    def note(self, what: str, host: str = "", /, **data: Any) -> None:
        self.history.append(Happening(asyncio.get_running_loop().time(), what, host, data))

    def latency(self) -> float:
        return self.random.uniform(0.001, self.faults.slow_seconds)

    def loses(self) -> bool:
        return self.faults.lost_share > 0 and self.random.random() < self.faults.lost_share

    def is_cut(self, one: str, other: str) -> bool:
        return frozenset((one, other)) in self._cuts

    def cut(self, one: str, other: str) -> None:
        self._cuts.add(frozenset((one, other)))
        self.note("cut", one, other=other)

    def heal(self) -> None:
        self._cuts.clear()
        self.note("healed")

    def keep(self, work: asyncio.Future[Any]) -> None:
        """What a host does goes on when its asker no longer listens."""
        self._kept.add(work)
        work.add_done_callback(self._forget)

    def _forget(self, done: asyncio.Future[Any]) -> None:
        self._kept.discard(done)
        if not done.cancelled():
            done.exception()  # nobody may be left to read it

    def driver(self, name: str, faults: Faults | None = None) -> Driver:
        return Driver(self, name, faults or self.faults)
