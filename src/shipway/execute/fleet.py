"""Hosts in, open channels out; one question to many hosts at once, every answer and every error kept. No wait without its bound, and
none that lasts is silent: what is waited for is told, and for how long at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Generic, TypeVar

from shipway.execute.let_go import all_or_none
from shipway.model.errors import HostError, LinkLost, Overdue, Unreachable
from shipway.model.intent import Host
from shipway.transports.base import Channel, Transport
from shipway.transports.bounds import LOGIN_SECONDS, LOGINS_AT_ONCE
from shipway_agent.patience import patient
from shipway_agent.record import dataclass, field

T = TypeVar("T")
V = TypeVar("V")
Json = Mapping[str, Any]

LEAST_SECONDS = 5.0
"""What a question that is asked again over a new channel gets at least, however little is left of its bound."""

PATIENCE_SECONDS = 5.0
"""A wait that lasts longer is told."""

WAITS: Mapping[str, str] = {
    "look": "what is there",
    "decide": "its record",
    "examine": "what else is there",
    "mend": "its supervisor",
    "setup": "the machine to be made ready",
    "lack": "what it lacks",
    "put": "a file to arrive",
    "parcels": "files to arrive",
    "feed": "parcels to arrive, from here and from the other hosts",
    "events": "its journal",
    "tail": "its logs",
    "manifest": "the list of its files",
    "generation": "an earlier generation",
    "data": "its restore points",
    "get": "its content",
    "get_many": "its content",
    "builds": "what it has built",
    "build": "its build",
    "prove": "its proof",
    "remove": "the removal",
    "notifications": "its notifications",
}
"""What a question waits for, in words."""

TOLD_ELSEWHERE = frozenset({"run", "follow", "exec"})
"""Questions whose waits are told by those who ask: each step of a list, the silence of a driver; and a command that a person runs."""


@dataclass
class Outcomes(Generic[T]):
    """What each host answered, and the error of each that did not."""

    answers: dict[str, T] = field(default_factory=dict)
    errors: dict[str, HostError] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.errors


@dataclass
class Wire:
    """Logins to one host, and exchanges with it by phase: a question and its answer. Renewals of a lease, which
    nobody waits for, do not count.
    """

    logins: int = 0
    exchanges: dict[str, int] = field(default_factory=dict)

    def count(self, phase: str) -> None:
        """One exchange more."""
        self.exchanges[phase] = self.exchanges.get(phase, 0) + 1


class Fleet:
    """Open channels by the name of their host. A channel that breaks is opened again once, for every call may be repeated.

    `tell` hears of waits that last and of links that break, as events. `phase` is what exchanges count for from now on.
    """

    def __init__(
        self,
        hosts: Iterable[Host],
        *,
        app: str,
        environment: str,
        transport_for: Callable[[Host], Transport],
        tell: Callable[..., None] = lambda kind, **data: None,
    ) -> None:
        self.hosts = {host.name: host for host in sorted(hosts, key=lambda h: h.name)}
        self._app = app
        self.environment = environment
        self._transport_for = transport_for
        self._tell = tell
        self._channels: dict[str, Channel] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._sent_before: dict[str, int] = {}
        self._wire: dict[str, Wire] = {name: Wire() for name in self.hosts}
        self._endings: list[asyncio.Future[None]] = []
        self.phase = "begin"
        self._room = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def __aenter__(self) -> Fleet:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels.values()), *self._endings)

    @property
    def names(self) -> tuple[str, ...]:
        """Every host, in order of id."""
        return tuple(self.hosts)

    @property
    def reached(self) -> tuple[str, ...]:
        """Hosts with an open channel, in order of id."""
        return tuple(name for name in self.hosts if name in self._channels)

    def bytes_sent(self, name: str) -> int:
        """Bytes written to a host so far, over all its channels."""
        channel = self._channels.get(name)
        return self._sent_before.get(name, 0) + (channel.bytes_sent if channel is not None else 0)

    def wire(self, name: str) -> Wire:
        """What went over the wire to a host so far."""
        return self._wire[name]

    async def connect(self, on_open: Callable[[str, float], None] = lambda name, seconds: None) -> Outcomes[Channel]:
        """Open a channel to every host at once. `on_open` is told each host and the seconds it took."""
        return await self.each(lambda name: self.open(name, on_open))

    async def open(self, name: str, on_open: Callable[[str, float], None] = lambda name, seconds: None) -> Channel:
        """Open the channel of one host; `on_open` is told the seconds it took. Raises Unreachable."""
        began = asyncio.get_running_loop().time()
        channel = await self._open(name)
        on_open(name, asyncio.get_running_loop().time() - began)
        return channel

    async def each(self, ask: Callable[[str], Awaitable[T]], hosts: Iterable[str] | None = None) -> Outcomes[T]:
        """Await `ask(host)` for all hosts at once, to the end of the slowest. Outcomes stand in the order of `hosts`, whoever was first."""
        names = tuple(hosts if hosts is not None else self.hosts)
        outcomes: Outcomes[T] = Outcomes()

        async def one(name: str) -> None:
            try:
                outcomes.answers[name] = await ask(name)
            except HostError as error:
                outcomes.errors[name] = error

        await all_or_none(asyncio.ensure_future(one(name)) for name in names)
        return Outcomes(_ordered(outcomes.answers, names), _ordered(outcomes.errors, names))

    async def call(
        self,
        name: str,
        call: str,
        args: Json | None = None,
        *,
        body: Callable[[], AsyncIterator[bytes]] | None = None,
        on_event: Callable[[Json], None] | None = None,
        timeout_seconds: float = 30.0,
        again: bool = True,
    ) -> dict[str, Any]:
        """One call to one host; repeated once over a new channel when the link breaks and `again` is set, within the same bound.

        `body` makes what follows the request, anew for each try. A host that did not answer in time is not asked again: the bound is over.

        Raises HostRefused, LinkLost (the outcome is unknown), Overdue, or Unreachable when no channel can be opened.
        """
        loop = asyncio.get_running_loop()
        channel = await self._open(name)
        until = loop.time() + timeout_seconds

        async def ask(left_seconds: float) -> dict[str, Any]:
            if (args or {}).get("do") != "renew":
                self._wire[name].count(self.phase)
            with self._patience(name, WAITS.get(call, ""), left_seconds):
                return await channel.call(call, args, body=body() if body else None, on_event=on_event, timeout_seconds=left_seconds)

        try:
            return await ask(timeout_seconds)
        except LinkLost as lost:
            await self._drop(name, channel)
            if not again or isinstance(lost, Overdue):
                raise
            self._tell("lost", host=name, reason=lost.message, will=f"a new login is tried, for {patient(LOGIN_SECONDS):.0f} s at most")
        began = loop.time()
        channel = await self._open(name)
        self._tell("connected", host=name, seconds=loop.time() - began)
        try:
            return await ask(max(LEAST_SECONDS, until - loop.time()))
        except LinkLost:
            await self._drop(name, channel)
            raise

    async def channel(self, name: str) -> Channel:
        """The open channel of a host. Raises Unreachable."""
        return await self._open(name)

    async def login(self, name: str) -> None:
        """One new login with an answer of the host: an open channel hides a dead sshd. Raises Unreachable, LinkLost."""
        bound = patient(LOGIN_SECONDS)
        with self._patience(name, "a new login", bound):
            host = self.hosts[name]
            async with self._room:
                self._wire[name].logins += 1
                end = await self._transport_for(host).log_in(host, app=self._app, environment=self.environment, timeout_seconds=bound)
            self._endings.append(asyncio.ensure_future(end))

    async def _open(self, name: str) -> Channel:
        lock = self._opening.setdefault(name, asyncio.Lock())
        async with lock:
            channel = self._channels.get(name)
            if channel is None:
                host = self.hosts[name]
                rounds = 1 + len(self.hosts) // LOGINS_AT_ONCE
                with self._patience(name, "a login", patient(LOGIN_SECONDS) * rounds):
                    async with self._room:
                        self._wire[name].logins += 1
                        channel = await self._transport_for(host).open(
                            host, app=self._app, environment=self.environment, timeout_seconds=patient(LOGIN_SECONDS)
                        )
                        self._wire[name].logins -= not channel.took_login
                self._channels[name] = channel
            return channel

    @contextmanager
    def _patience(self, name: str, what: str, bound_seconds: float) -> Iterator[None]:
        """Tell the wait of the block, once it has lasted a while."""
        left = bound_seconds - PATIENCE_SECONDS
        if not what or left <= 0:
            yield
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(PATIENCE_SECONDS, lambda: self._tell("waiting", host=name, what=what, bound_seconds=left))
        try:
            yield
        finally:
            timer.cancel()

    async def _drop(self, name: str, channel: Channel) -> None:
        if self._channels.get(name) is channel:
            del self._channels[name]
            self._sent_before[name] = self._sent_before.get(name, 0) + channel.bytes_sent
        await channel.close()


def _ordered(found: Mapping[str, V], names: Iterable[str]) -> dict[str, V]:
    return {name: found[name] for name in names if name in found}


def worst(errors: Mapping[str, HostError]) -> HostError:
    """The error to name first: one that says why before one that only says that nothing was heard."""
    return min(errors.values(), key=lambda e: (isinstance(e, LinkLost), isinstance(e, Unreachable), e.host))
