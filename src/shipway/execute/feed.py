"""What each host lacks in, all of it there out: each parcel leaves this machine once, and the hosts pass it on to each other.

*Scatter and gather*: the hosts that can feed take parcels from one queue, the next when the last is there, so that a slow one gets fewer;
each fetches the rest from the others while they still receive. What nobody brings (a peer is slow, dead, lying, behind a firewall) a host
asks for, and gets here. Nothing that fails here fails a deployment: who was not fed whole is sent the rest straight.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from math import inf
from typing import Any, Protocol

from shipway.execute.feed_keys import credentials
from shipway.execute.fleet import Fleet, Outcomes
from shipway.execute.telling import Tell
from shipway.model.errors import HostError, HostRefused
from shipway.model.intent import Host
from shipway.model.whereabouts import dialled, found_at
from shipway_agent.feed import orders
from shipway_agent.record import dataclass, field

FEED_SECONDS = 1800.0
"""Bound of one feeding; a channel that carries nothing at all is noticed earlier by ssh's own keep-alive."""

GATHER_SECONDS = 3.0
"""How long a host that does not listen yet is waited for before the others are told of each other."""

STOCK_SECONDS = 15.0
"""How long a build host that says nothing is waited for, or a parcel that only it has, before it is sent from here."""

LEAVE_SECONDS = 5.0
"""How long its end is waited for, when all others have everything."""

LAST = 15
"""Parcels whose times tell how long one takes."""

AT_ONCE = 4
"""Parcels on their way from here at once: few, so that the first are whole and passed on while the others still come."""

SLOW_SECONDS = 1.0
"""A parcel that is on its way for longer keeps no other from being sent."""

RESCUE_SECONDS = 2.0
"""So long after a parcel was sent to one host, another that asks for it is to get it from there; longer on a slow line."""

RESCUE_TIMES = 4
"""How many times as long as parcels take to a host one may be on its way before it counts as stuck."""

ALL_OF = 9
"""Up to so many hosts take from all others; more take from some, and what those took from theirs: to tell 15 others of each parcel costs
a host twice as much processor time as seven."""


@dataclass(frozen=True, slots=True)
class Fed:
    """Bytes of parcels that came to a host from here and from each other host by name; `lied` are those whose parcels were none.

    `lacking` are blobs (digest, executable) that could not be made there from what was to be there; None where nothing was unpacked.
    """

    operator: int
    peers: Mapping[str, int]
    lied: tuple[str, ...]
    whole: bool
    lacking: frozenset[tuple[str, bool]] | None = None


@dataclass(frozen=True, slots=True)
class Stock:
    """A build host, alone in a fleet of its own, and the blobs (digest, executable) of the parcels, in their order.

    It makes those parcels of what it has, and is the first that gives them; what it does not make the operator sends.
    """

    fleet: Fleet
    blobs: Sequence[tuple[str, bool]]


class Clock(Protocol):
    """What is needed of an event loop."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], object], /) -> asyncio.TimerHandle: ...


class Source(Protocol):
    """Parcels in order, as they are made (load.py)."""

    async def reaches(self, place: int) -> bool:
        """Whether there is one at this place, once it is made."""
        ...

    def name(self, place: int) -> str:
        """Its digest."""
        ...

    def data(self, place: int) -> bytes:
        """Its bytes."""
        ...


async def feed(
    fleet: Fleet,
    kept: Mapping[str, AbstractSet[str]],
    source: Source,
    tell: Tell,
    on_error: Callable[[HostError], None] = lambda error: None,
    *,
    count: int = 0,
    size: int = 0,
    stock: Stock | None = None,
) -> Outcomes[Fed]:
    """Feed these hosts, all of which want all that `source` has; `kept` are the digests of parcels that a cut left on each of them.

    There are `count` blobs with `size` bytes in it, which each unpacks as they come. With `stock`, a build host gives what it can.

    Answers how each was fed, and the error of each that could not be: HostRefused where it could not keep what came (its disk), or said
    nonsense (code `feed`). `on_error` hears of each at once, while the others are still fed. Raises what `source` raises.
    """
    loop = asyncio.get_running_loop()
    keys = await asyncio.to_thread(credentials, [str(number) for number in range(len(kept) + 1)])
    hosts = [_Fledgling(str(number), fleet.hosts[name], set(kept[name])) for number, name in enumerate(kept)]
    stocked = _Fledgling(str(len(hosts)), next(iter(stock.fleet.hosts.values())), set()) if stock is not None else None
    feeding = _Feeding(hosts, source, loop, stocked)

    async def one(name: str) -> Fed:
        host = feeding.by_name[name]
        args = {"peers": len(feeding.peers_of(host)), "credentials": keys[host.number], "count": count, "size": size}
        try:
            hear = partial(feeding.hear, host)
            answer = await fleet.call(name, "feed", args, body=host.body, on_event=hear, timeout_seconds=FEED_SECONDS, again=False)
            return feeding.read_answer(host, answer)
        except HostError as error:
            on_error(error)
            raise
        finally:
            feeding.gone(host)

    async def give(stock: Stock, host: _Fledgling) -> None:
        """Have the build host give. Whatever becomes of it, the others are fed."""
        args = {"peers": len(hosts), "credentials": keys[host.number]}
        host.say([orders.stock(stock.blobs)])
        try:
            hear = partial(feeding.hear, host)
            await stock.fleet.call(host.host.name, "feed", args, body=host.body, on_event=hear, timeout_seconds=FEED_SECONDS, again=False)
        except HostError as error:
            tell(
                "note",
                message=f"{host.host.address}, which built it, does not give it to the hosts ({error.message}); they get it from here",
            )
        finally:
            feeding.gone(host)

    giving = asyncio.ensure_future(give(stock, stocked)) if stock is not None and stocked is not None else None
    gather = loop.call_later(GATHER_SECONDS, feeding.introduce)
    naming = asyncio.ensure_future(feeding.name_all())
    try:
        outcomes = await fleet.each(one, tuple(kept))
    finally:
        gather.cancel()
        naming.cancel()
        feeding.stop()
        if giving is not None:
            await asyncio.wait((giving,), timeout=LEAVE_SECONDS)
            giving.cancel()
            await asyncio.gather(giving, return_exceptions=True)
        await asyncio.gather(naming, return_exceptions=True)
    if not naming.cancelled() and (fault := naming.exception()) is not None:
        raise fault
    for liar in sorted({name for fed in outcomes.answers.values() for name in fed.lied}):
        found = ", ".join(name for name, fed in outcomes.answers.items() if liar in fed.lied)
        tell(
            "note",
            host=liar,
            message=f"what it passed on to {found} was not what was sent to it; it was thrown away, and came from elsewhere",
        )
    return outcomes


@dataclass(eq=False)
class _Fledgling:
    """One host as it is fed."""

    number: str
    host: Host
    has: set[str]
    addresses: tuple[str, ...] = ()
    listening: bool = False
    alone: bool = False
    whole: bool = False
    gone: bool = False
    owed: deque[str] = field(default_factory=deque)
    knows: set[str] = field(default_factory=set)
    introduced: bool = False
    on_way: str | None = None
    sent_at: float = 0.0
    spent_seconds: float = 0.0
    stocked: bool = False
    _said: asyncio.Queue[Iterable[bytes] | None] = field(default_factory=asyncio.Queue)

    @property
    def feeds(self) -> bool:
        """Whether others can take from it, for all that is known."""
        return bool(self.addresses) and not self.alone and not self.gone

    def say(self, parts: Iterable[bytes] | None) -> None:
        """Send this next; None ends the body, and the feeding of this host."""
        self._said.put_nowait(parts)

    async def body(self) -> AsyncIterator[bytes]:
        while (parts := await self._said.get()) is not None:
            for part in parts:
                yield part


class _Feeding:
    """Who has what, who gets what next. Everything happens on the loop; `hear` and `gone` are what moves it."""

    def __init__(self, hosts: Sequence[_Fledgling], source: Source, clock: Clock, stock: _Fledgling | None = None) -> None:
        """`stock` is a build host: it gives what it makes, and is sent nothing."""
        self.hosts = hosts
        self._stock = stock
        self.by_name = {host.host.name: host for host in hosts}
        self._by_number = {host.number: host for host in (*hosts, *([stock] if stock is not None else []))}
        self._source = source
        self._places: dict[str, int] = {}
        self._clock = clock
        self._queue: deque[str] = deque()
        self._sent_at: dict[str, float] = {}
        self._took: deque[float] = deque(maxlen=LAST)
        self._timers: set[asyncio.TimerHandle] = set()
        self._together = False
        self._met_at = self._stock_moved_at = clock.time()
        if stock is not None:
            self._look_at_stock()

    def peers_of(self, host: _Fledgling) -> list[_Fledgling]:
        """All others, or, of many, those at distances 1, 2, 4, 8 … on either side, so that all are few steps apart."""
        count, at, stock = len(self.hosts), int(host.number), [self._stock] if self._stock is not None else []
        if count <= ALL_OF:
            return [*(other for other in self.hosts if other is not host), *stock]
        steps = [sign << power for power in range(count.bit_length()) if 1 << power < count for sign in (1, -1)]
        return [*(self.hosts[number] for number in sorted({(at + step) % count for step in steps} - {at})), *stock]

    async def name_all(self) -> None:
        """Tell all hosts of each parcel as soon as it is made. Ends the feeding where one cannot be made, and raises why."""
        try:
            while await self._source.reaches(place := len(self._places)):
                digest, size = self._source.name(place), len(self._source.data(place))
                self._places[digest] = place
                self._queue.append(digest)
                for host in self._by_number.values():
                    host.say([orders.want([(digest, size)])])
                    if host.alone:
                        host.owed.append(digest)
                self.move()
            for host in self._by_number.values():
                host.say([orders.end()])
        except BaseException:
            for host in self._by_number.values():
                host.say(None)
            raise

    def hear(self, host: _Fledgling, event: Mapping[str, Any]) -> None:
        """An event of one host. Raises HostRefused for one that makes no sense."""
        try:
            self._hear(host, event)
        except (KeyError, TypeError, ValueError) as error:
            raise HostRefused(host.host.name, "feed", f"it tells nonsense of what it was fed: {error}") from None

    def _hear(self, host: _Fledgling, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "listening":
            host.listening, port = True, event["port"]
            if port is not None:
                host.addresses = _addresses(host.host, str(event["seen"]), int(port))
            if self._together or all(other.listening or other.gone for other in self.hosts):
                self.introduce()
        elif kind == "taken":
            digest = str(event["parcel"])
            host.has.add(digest)
            if host is self._stock:
                self._sent_at[digest] = self._stock_moved_at = self._clock.time()
            if host.on_way == digest:
                took = self._clock.time() - host.sent_at
                self._sent_at[digest] = self._clock.time()
                self._took.append(took)
                host.spent_seconds += took
                host.on_way = None
        elif kind == "stocked":
            host.stocked = True
        elif kind == "wants" and host is not self._stock:
            host.alone = bool(event["alone"])
            self._owe(host, [str(digest) for digest in event["parcels"]])
        elif kind == "whole":
            host.whole = True
            host.owed.clear()
            self._end_if_whole()
        elif kind == "fault":
            host.gone = True
            host.say(None)
        self.move()

    def introduce(self) -> None:
        """Tell every host that listens where those listen that it takes from, as far as it does not know it yet."""
        if not self._together:
            self._together, self._met_at = True, self._clock.time()
        for host in self.hosts:
            if not host.listening or host.gone:
                continue
            new = [peer for peer in self.peers_of(host) if peer.feeds and peer.number not in host.knows]
            if new or not host.introduced:
                host.introduced = True
                host.knows |= {peer.number for peer in new}
                host.say([orders.peers((peer.number, peer.addresses) for peer in new)])
        self.move()

    def gone(self, host: _Fledgling) -> None:
        """Its channel has ended. What only it was sent is sent to another."""
        if not host.gone:
            host.gone = True
            if host.on_way is not None:
                host.has.discard(host.on_way)
            alone = {digest for digest in (*host.has, host.on_way) if digest is not None and not self._others_have(digest, host)}
            self._queue.extendleft(digest for digest in self._places if digest in alone and digest not in self._queue)
        if not self._together and all(other.listening or other.gone for other in self.hosts):
            self.introduce()
        self._end_if_whole()
        self.move()

    def move(self) -> None:
        """Send what can be sent now."""
        while self._together and sum(self._keeps_others(host) for host in self.hosts) < AT_ONCE:
            found = next(self._next(), None)
            if found is None:
                return
            self._send(*found)

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()

    def read_answer(self, host: _Fledgling, answer: Mapping[str, Any]) -> Fed:
        """What a host says at its end. Raises HostRefused for nonsense."""
        try:
            peers = {self._by_number[str(number)].host.name: int(size) for number, size in answer["peers"].items()}
            lied = tuple(self._by_number[str(number)].host.name for number in answer["lied"])
            unpacked = answer.get("unpacked")
            lacking = None if unpacked is None else frozenset((str(digest), bool(executable)) for digest, executable in unpacked["lacking"])
            return Fed(int(answer["operator"]), peers, lied, answer["whole"] is True, lacking)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise HostRefused(host.host.name, "feed", f"it tells nonsense of what it was fed: {error}") from None

    def _owe(self, host: _Fledgling, digests: Iterable[str]) -> None:
        """It asks for what nobody brought to it: one that has peers waits for what is on its way to one of them."""
        now = self._clock.time()
        stock = self._stock
        if stock is not None and not stock.gone:
            stuck = any(digest in stock.has and now - self._sent_at[digest] > STOCK_SECONDS for digest in digests)
            if stuck or (host.alone and stock.has):
                self.gone(stock)  # somebody waits for what it has made, and does not get it
        least = RESCUE_SECONDS if stock is not None else inf
        patience = max(RESCUE_SECONDS, RESCUE_TIMES * _middle(self._took)) if self._took else least
        for digest in digests:
            if digest not in self._places or digest in host.owed or digest == host.on_way:
                continue
            host.has.discard(digest)  # what it had kept was damaged
            on_its_way = digest in self._queue or now - self._sent_at.get(digest, self._met_at) < patience
            if host.alone or not on_its_way:
                self._sent_at[digest] = now
                host.owed.append(digest)

    def _next(self) -> Iterator[tuple[_Fledgling, str]]:
        free = [host for host in self.hosts if host.introduced and host.on_way is None and not host.gone and not host.whole]
        for host in free:
            while host.owed:
                digest = host.owed.popleft()
                if digest not in host.has:
                    yield host, digest
        for digest in list(self._queue):
            wanting = [host for host in self.hosts if not host.gone]
            if not wanting or any(digest in host.has for host in self._by_number.values() if not host.gone):
                self._queue.remove(digest)
                continue
            if self._makes():
                continue
            takers = [host for host in free if host.feeds or wanting == [host]]
            if takers:
                self._queue.remove(digest)
                yield min(takers, key=lambda host: host.spent_seconds), digest

    def _send(self, host: _Fledgling, digest: str) -> None:
        now = self._clock.time()
        host.on_way, host.sent_at = digest, now
        self._sent_at[digest] = now
        host.say(self._content(digest))
        timer = self._clock.call_later(SLOW_SECONDS, self.move)
        self._timers.add(timer)

    def _content(self, digest: str) -> Iterator[bytes]:
        """Read when it is its turn, so that not all of it is in memory."""
        yield from orders.content(digest, self._source.data(self._places[digest]))

    def _makes(self) -> bool:
        """Whether the build host may still make what is in the queue."""
        stock = self._stock
        return stock is not None and not stock.gone and not stock.stocked and self._clock.time() - self._stock_moved_at < STOCK_SECONDS

    def _look_at_stock(self) -> None:
        """One that has become silent is not waited for."""
        self.move()
        if self._makes():
            self._timers.add(self._clock.call_later(STOCK_SECONDS / 5, self._look_at_stock))

    def _keeps_others(self, host: _Fledgling) -> bool:
        return host.on_way is not None and not host.gone and self._clock.time() - host.sent_at < SLOW_SECONDS

    def _others_have(self, digest: str, host: _Fledgling) -> bool:
        others = (other for other in self._by_number.values() if other is not host and not other.gone)
        return any(digest in other.has or digest == other.on_way or digest in other.owed for other in others)

    def _end_if_whole(self) -> None:
        if all(host.whole or host.gone for host in self.hosts):
            for host in self._by_number.values():
                host.say(None)


def _middle(values: Iterable[float]) -> float:
    """The median, near enough: `statistics` costs every start more than this is worth."""
    inorder = sorted(values)
    return inorder[len(inorder) // 2]


def _addresses(host: Host, seen: str, port: int) -> tuple[str, ...]:
    """`peer` first, then the address at which its sshd took our login, then the name that we know it by."""
    names = ([host.peer] if host.peer else []) + ([seen] if seen else []) + [found_at(host)]
    return tuple(dict.fromkeys(dialled(name, port) for name in names))
