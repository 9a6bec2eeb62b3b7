"""Hosts of one deployment in threads of this process: a shelf, a listener and those it takes from, over real TLS on 127.0.0.1."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from shipway_agent.feed.credentials import Credentials, giving, taking
from shipway_agent.feed.give import Giver
from shipway_agent.feed.shelf import Shelf, Store
from shipway_agent.feed.store import Parcels
from shipway_agent.feed.take import Taker
from shipway_agent.root import Root

WITHIN_SECONDS = 30.0

CONTENT = [bytes([65 + number]) * (40_000 + number) for number in range(6)]


def digest_of(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=32).hexdigest()


WANTED = {digest_of(data): len(data) for data in CONTENT}


def until(true: Callable[[], bool]) -> None:
    """Wait for a condition, with a bound that only a broken program reaches."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


class Side:
    """One host, number `number`, that has `content` already."""

    def __init__(
        self,
        place: Path,
        number: str,
        keys: Mapping[str, Mapping[str, str]],
        content: Sequence[bytes] = (),
        *,
        store: Callable[[Root], Store] = Parcels,
    ) -> None:
        self.number = number
        self.root = Root(str(place / number), create=True)
        for data in content:
            Parcels(self.root).keep(digest_of(data), data)
        self.shelf = Shelf(store(self.root))
        self.shelf.want(WANTED.items(), last=True)
        self.mine = Credentials.read(keys[number])
        self.giver = Giver(self.shelf, giving(self.mine, self.root), 8, 10)
        self.port = self.giver.listen("127.0.0.1")
        self.takers: dict[str, Taker] = {}

    def take_from(self, number: str, port: int) -> Taker:
        taker = Taker(number, [f"127.0.0.1:{port}"], self.shelf, taking(self.mine, self.root))
        self.takers[number] = taker
        taker.begin()
        return taker

    def close(self) -> None:
        self.shelf.close()
        self.giver.close()
        for taker in self.takers.values():
            taker.cut()
        until(lambda: all(taker.ended for taker in self.takers.values()))
        self.root.close()
