"""Parcels that come from several sides in; each kept once, and who waits for one is told. Threads share it."""

from __future__ import annotations

import threading
import time
from itertools import islice

from shipway_agent.blake import blake2b
from shipway_agent.errors import AgentError
from shipway_agent.record import dataclass, field
from shipway_agent.typed import Dict, Iterable, List, Optional, Protocol, Set, Tuple

OPERATOR = ""
"""Where a parcel came from that no peer gave."""

STILL_SECONDS, AGAIN_SECONDS = 2.0, 6.0
"""A parcel of which nothing has come for so long, or that has been on its way for so long, is taken from another peer as well."""

AT_MOST = 3
"""Peers that one parcel may be on its way from at once."""


class Store(Protocol):
    """Where the bytes of parcels lie on this host."""

    def has(self, digest: str) -> bool:
        """Whether it is here and whole."""

    def keep(self, digest: str, data: bytes) -> None:
        """Put one there that was compared with its digest. Raises AgentError."""

    def read(self, digest: str) -> bytes:
        """The bytes of one. Raises AgentError."""


class Lie(AgentError):
    """Bytes that are not what their digest says."""

    def __init__(self, digest: str) -> None:
        super().__init__("flipped", f"what came as parcel {digest} is something else; it was thrown away", digest=digest)


@dataclass
class _Way:
    """A parcel on its way from one peer, on time.monotonic()."""

    began: float
    moved: float

    def late(self, now: float) -> bool:
        return self.moved < now - STILL_SECONDS or self.began < now - AGAIN_SECONDS


@dataclass
class Shelf:
    """What a host wants (bytes by digest), what of it is here, and what is on its way from whom."""

    store: Store
    wanted: Dict[str, int] = field(default_factory=dict)
    came: Dict[str, int] = field(default_factory=dict)
    _here: List[str] = field(default_factory=list)
    _lacking: Set[str] = field(default_factory=set)
    _named: bool = False
    _on_way: Dict[str, Dict[str, _Way]] = field(default_factory=dict)
    _moved: float = field(default_factory=time.monotonic)
    _closed: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._changed = threading.Condition(self._lock)
        self._arrived = threading.Condition(self._lock)  # for those who pass it on: they are many, and most changes do not concern them

    @property
    def whole(self) -> bool:
        """Whether all that is wanted has been named and is here."""
        return self._named and not self._lacking

    @property
    def closed(self) -> bool:
        return self._closed

    def want(self, parcels: Iterable[Tuple[str, int]], *, last: bool = False) -> None:
        """These are wanted too; with `last`, no more will be. What a cut left here counts."""
        new = [(digest, size, self.store.has(digest)) for digest, size in parcels if digest not in self.wanted]
        with self._changed:
            for digest, size, here in new:
                self.wanted[digest] = size
                if here:
                    self._here.append(digest)
                else:
                    self._lacking.add(digest)
            self._named = self._named or last
            self.move()
            self._changed.notify_all()
            if any(here for _, _, here in new):
                self._arrived.notify_all()

    def lacking(self) -> List[str]:
        """What is wanted and not here, in the order in which it is wanted."""
        with self._changed:
            return [digest for digest in self.wanted if digest in self._lacking]

    def lacks(self, digest: str) -> bool:
        return digest in self._lacking

    def move(self, giver: str = OPERATOR, digest: str = "") -> None:
        """Something moves: a part of a parcel has come, or who brings some has been named."""
        self._moved = now = time.monotonic()
        way = self._on_way.get(digest, {}).get(giver)
        if way is not None:
            way.moved = now

    def still_seconds(self) -> float:
        """How long nothing has moved."""
        return time.monotonic() - self._moved

    def next(self, place: int) -> Optional[str]:
        """What is wanted at this place, once it is here; None behind the last, and where it comes no more."""
        with self._changed:
            while True:
                digest = next(islice(self.wanted, place, None), None)
                if digest is not None and digest not in self._lacking:
                    return digest
                if self._closed or (digest is None and self._named):
                    return None
                self._changed.wait()

    def waits(self, place: int) -> bool:
        """Whether `next` would wait."""
        with self._changed:
            digest = next(islice(self.wanted, place, None), None)
            return not self._closed and (digest in self._lacking if digest is not None else not self._named)

    def named(self, place: int) -> Optional[str]:
        """What is wanted at this place, once it is named; None where nothing will be."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.wanted) > place or self._named or self._closed)
            return next(islice(self.wanted, place, None), None)

    def since(self, count: int) -> List[str]:
        """What came behind the first `count`, in the order in which it came."""
        with self._changed:
            return self._here[max(0, count) :]

    def put(self, digest: str, data: bytes, giver: str) -> bool:
        """Keep a parcel; False when it was here already or nobody wants it. Raises Lie, and AgentError where it cannot be kept."""
        if digest not in self.wanted:
            return False
        if len(data) != self.wanted[digest] or blake2b(data, digest_size=32).hexdigest() != digest:
            raise Lie(digest)
        with self._changed:
            self.came[giver] = self.came.get(giver, 0) + len(data)
            if digest not in self._lacking:
                return False
        self.store.keep(digest, data)
        with self._changed:
            if digest not in self._lacking:
                return False
            self._lacking.discard(digest)
            self._on_way.pop(digest, None)
            self._here.append(digest)
            self.move()
            self._changed.notify_all()
            self._arrived.notify_all()
            return True

    def claim(self, giver: str, offered: Iterable[str]) -> Optional[str]:
        """A parcel that this peer is to be asked for: one that nobody brings, else one that has been on its way for long."""
        now = time.monotonic()
        with self._changed:
            late = None
            for digest in offered:
                if digest not in self._lacking:
                    continue
                ways = self._on_way.setdefault(digest, {})
                if not ways:
                    ways[giver] = _Way(now, now)
                    return digest
                if giver not in ways and len(ways) < AT_MOST and all(way.late(now) for way in ways.values()):
                    late = late or digest
            if late is not None:
                self._on_way[late][giver] = _Way(now, now)
            return late

    def release(self, giver: str, digest: str) -> None:
        """It does not come from there."""
        with self._changed:
            if self._on_way.get(digest, {}).pop(giver, None) is not None:
                self._changed.notify_all()

    def wait(self, count: int, seconds: float) -> None:
        """Return when more than `count` are here, or everything is, or nothing more is wanted, or the time is over."""
        with self._arrived:
            self._arrived.wait_for(lambda: len(self._here) > count or self._closed, seconds)

    def wait_for_change(self, seconds: float) -> None:
        """Return when anything changed, or the time is over."""
        with self._changed:
            if not self._closed:
                self._changed.wait(seconds)

    def close(self) -> None:
        """Nobody waits any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._arrived.notify_all()
