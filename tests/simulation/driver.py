"""A host's name in, a channel to it out: one operator's program on the simulated network, which counts its calls and may die at one.

What travels on one channel arrives in order, or the channel breaks for all that is under way on it. So a message is lost, late, repeated
or overtaken only the way it happens with ssh: the driver gives a channel up, opens another, and what was sent on the first arrives yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shipway.model.errors import HostError, HostRefused, LinkLost, Overdue, Unreachable
from shipway.model.intent import Host
from shipway.transports.base import End, open_and_ask
from tests.simulation.host import Emit, Session

if TYPE_CHECKING:
    from tests.simulation.world import Faults, World

Json = Mapping[str, Any]

DIAL_SECONDS = 1.0
SILENT_SECONDS = 15.0
"""A channel over which nothing comes any more is given up then: ssh asks three times, every five seconds."""


class Died(BaseException):
    """The driver was killed. Nothing it does afterwards reaches anybody."""


class SimulatedChannel:
    """A driver's channel to one host over the simulated network."""

    def __init__(self, world: World, host: Host, driver: Driver) -> None:
        self.host = host
        self._world = world
        self._driver = driver
        self._there = world.hosts[host.name]
        self._session = Session(on_kill=self._killed)
        self._there.sessions.append(self._session)
        self._broken = False
        self.took_login = True
        self._overdue_at: dict[int, float] = {}
        self._futures: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._arrives = 0.0
        self._returns = 0.0
        driver.channels.append(self)

    @property
    def bytes_sent(self) -> int:
        return 0

    async def close(self) -> None:
        """What was sent before arrives before the end."""
        self.hang_up()

    def hang_up(self) -> None:
        self._break("the channel was closed")
        if self._world.carries(self._driver.name, self.host.name):
            self._world.at(max(self._arrives, self._world.now() + self._world.latency(self.host.name)), self._end)

    async def call(
        self,
        name: str,
        args: Json | None = None,
        *,
        body: AsyncIterator[bytes] | None = None,
        on_event: Callable[[Json], None] | None = None,
        timeout_seconds: float = 30.0,
    ) -> dict[str, Any]:
        driver = self._driver
        if driver.asleep_until:
            await driver.awake()
        number = driver.count(name, args or {})
        await driver.maybe_die(number, after=False)
        if self._broken:
            raise LinkLost(self.host.name, "lost", "the link broke")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._futures[number] = future
        self._overdue_at[number] = self._world.now() + timeout_seconds
        self._send(number, name, args or {}, on_event or _nothing)
        try:
            answer = await future
        finally:
            self._futures.pop(number, None)
            self._overdue_at.pop(number, None)
        if driver.asleep_until:
            await driver.awake()
        await driver.maybe_die(number, after=True)
        return answer

    # ----------------------------------------------------------- the way there

    def _send(self, number: int, name: str, args: Json, emit: Emit) -> None:
        world = self._world
        fate = world.fate()
        if fate == "lost":
            self._break_soon("the link broke before the question arrived")
            return
        seconds = world.latency(self.host.name)
        if fate == "late":
            seconds += world.random.uniform(0.0, world.faults.late_seconds)
            self._break_soon("the link broke while the question was on its way")
        self._arrives = max(self._arrives, world.now() + seconds)
        world.at(self._arrives, lambda: self._arrive(number, name, args, emit, fate))

    def _arrive(self, number: int, name: str, args: Json, emit: Emit, fate: str) -> None:
        world, host = self._world, self._there
        if self._session.ended or not host.up:
            if host.up is False:
                self._silence()
            return
        if not world.carries(self._driver.name, self.host.name):
            self._silence()
            self._may_be_overdue(number)
            world.when_healed(lambda: self._arrive(number, name, args, emit, fate))
            return
        if fate == "twice":
            world.at(
                world.now() + world.random.uniform(0.0, world.faults.late_seconds), lambda: self._begin(0, name, args, _nothing, "lost")
            )
        self._begin(number, name, args, emit, fate)

    def _begin(self, number: int, name: str, args: Json, emit: Emit, fate: str) -> None:
        if self._session.ended or not self._there.up:
            return

        def heard(event: Json) -> None:
            if not self._broken and not self._driver.dead:
                emit(event)

        try:
            answer = self._there.answer(self._session, name, args, heard)
        except HostRefused as error:
            self._answered(number, error, fate)
            return
        if isinstance(answer, dict):
            self._answered(number, answer, fate)
            return
        self._may_be_overdue(number)
        task = asyncio.get_running_loop().create_task(self._work(number, answer, fate))
        self._session.tasks.append(task)
        task.add_done_callback(self._session.tasks.remove)

    async def _work(self, number: int, work: Coroutine[Any, Any, dict[str, Any]], fate: str) -> None:
        try:
            self._answered(number, await work, fate)
        except HostRefused as error:
            self._answered(number, error, fate)

    def _answered(self, number: int, answer: dict[str, Any] | HostError, fate: str) -> None:
        if fate == "answer lost":
            self._break_soon("the link broke before the answer arrived")
            return
        self._returns = max(self._returns, self._world.now() + self._world.latency(self.host.name))
        self._world.at(self._returns, lambda: self._return(number, answer))

    def _return(self, number: int, answer: dict[str, Any] | HostError) -> None:
        if not self._there.up:
            return
        if not self._world.carries(self.host.name, self._driver.name):
            self._silence()
            self._may_be_overdue(number)
            self._world.when_healed(lambda: self._return(number, answer))
            return
        if self._world.now() > self._overdue_at.get(number, 0.0):
            self._overdue(number)
        future = self._futures.get(number)
        if self._broken or future is None or future.done():
            return
        if isinstance(answer, HostError):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    # ------------------------------------------------------------ the way down

    def _may_be_overdue(self, number: int) -> None:
        """Something keeps the answer; most answers come soon, and need no timer."""
        if number in self._overdue_at:
            self._world.at(self._overdue_at[number], lambda: self._overdue(number))

    def _overdue(self, number: int) -> None:
        future = self._futures.get(number)
        if future is not None and not future.done():
            future.set_exception(Overdue(self.host.name, "overdue", "no answer within the bound of the call"))

    def _silence(self) -> None:
        self._world.at(self._world.now() + SILENT_SECONDS, self._still_silent)

    def _still_silent(self) -> None:
        if self._session.killed or not self._there.up or not self._world.joins(self._driver.name, self.host.name):
            self._break("nothing was heard any more")

    def _break_soon(self, why: str) -> None:
        self._world.at(self._world.now() + self._world.latency(self.host.name), lambda: self._break(why))

    def _killed(self) -> None:
        """The other end is gone; that is seen at once unless the machine or the way is gone too."""
        if self._there.up and self._world.joins(self._driver.name, self.host.name):
            self._break_soon("the agent was killed")
        else:
            self._silence()

    def _break(self, why: str) -> None:
        self._broken = True
        for future in self._futures.values():
            if not future.done():
                future.set_exception(LinkLost(self.host.name, "lost", why))

    def _end(self) -> None:
        self._session.ended = True
        if self._session in self._there.sessions and not self._session.tasks:
            self._there.sessions.remove(self._session)


@dataclass
class Driver:
    """One operator's program: it counts its calls, and dies at the one that the faults name."""

    world: World
    name: str
    faults: Faults
    calls: list[str] = field(default_factory=list)
    channels: list[SimulatedChannel] = field(default_factory=list)
    dead: bool = False
    asleep_until: float = 0.0

    def count(self, call: str, args: Json) -> int:
        self.calls.append(f"{call}:{args.get('do', '')}")
        return len(self.calls)

    async def maybe_die(self, number: int, *, after: bool) -> None:
        if self.dead:
            raise Died
        faults = self.faults
        if after != faults.after or number not in (faults.dies_at, faults.sleeps_at):
            return
        faults.at_that_call(self.world)
        if number == faults.sleeps_at:
            self.asleep_until = self.world.now() + faults.sleep_seconds
            self.world.note("driver sleeps", driver=self.name, call=self.calls[number - 1], seconds=faults.sleep_seconds)
        if number == faults.dies_at:
            self.die(self.calls[number - 1])
            raise Died
        await self.awake()

    def die(self, call: str) -> None:
        """kill -9 at this call. Its connections end as the kernel ends them."""
        self.dead = True
        self.world.note("driver died", driver=self.name, call=call)
        for channel in self.channels:
            channel.hang_up()

    async def awake(self) -> None:
        """Nothing of a stopped program runs, its renewals neither."""
        await asyncio.sleep(max(0.0, self.asleep_until - self.world.now()))

    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> SimulatedChannel:
        if self.asleep_until:
            await self.awake()
        number = self.count("open", {})
        await self.maybe_die(number, after=False)
        await asyncio.sleep(self.world.latency(host.name))
        if not self.world.hosts[host.name].up or not self.world.joins(self.name, host.name):
            await asyncio.sleep(DIAL_SECONDS)
            raise Unreachable(host.name, "unreachable", "no route to host")
        channel = SimulatedChannel(self.world, host, self)
        await self.maybe_die(number, after=True)
        return channel

    async def log_in(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> End:
        return await open_and_ask(self, host, app=app, environment=environment, timeout_seconds=timeout_seconds)


def _nothing(event: Json) -> None:
    pass
