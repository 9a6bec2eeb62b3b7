"""Only what a host lacks travels, packed once for all, and meanwhile nothing else waits. The hosts are real agents, in roots here."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from shipway.execute.fleet import Fleet
from shipway.execute.listing import Blob, Listing
from shipway.execute.ship import Delivery
from shipway.execute.telling import Tell
from shipway.model.errors import LinkLost
from shipway.model.event import Event
from shipway.model.intent import Host
from shipway.release.parcels import Content, parcels
from shipway.transports.base import Channel
from shipway.transports.local import LocalTransport
from shipway_agent import manifest
from shipway_agent.manifest import FILE, Entry, digest
from shipway_agent.parcel import name_of
from shipway_agent.primitives.parcels import keep
from shipway_agent.root import Root
from tests.agent.primitives.conftest import blob_path, flip

T = TypeVar("T")
RANDOM = random.Random(9)
FILES = {b"%03d" % number: RANDOM.randbytes(300) for number in range(200)}
BIG = RANDOM.randbytes(3_000_000)


class Freight:
    """A tree to be shipped, to hosts that have the tree `base`; with `foresees` its list says what that one does not name."""

    def __init__(self, files: dict[bytes, bytes], base: Freight | None = None, *, foresees: bool = False) -> None:
        self.files, self.base, self.made, self.foresees = files, base, 0, foresees
        self.data = manifest.write(Entry(FILE, path, digest(data), len(data)) for path, data in files.items())
        self.release = digest(self.data)
        self.contents = {digest(data): data for data in files.values()} | {self.release: self.data}

    async def listings(self, host: str) -> Sequence[Listing]:
        put, removed = manifest.change(self.base.data, self.data) if self.base else ([], [])
        blobs = tuple(manifest.contents(manifest.read(self.data)))
        fresh = tuple(blob for blob in blobs if self.base and blob[0] not in self.base.contents) if self.foresees else ()
        return [Listing(self.release, blobs, self.data, self.base.release if self.base else "", put, removed, fresh)]

    def singles(self, host: str) -> Sequence[Blob]:
        return ()

    def path(self, digest: str) -> str | None:
        return None

    def parcels(self, blobs: Sequence[Blob], *, base: str, packing: bytes) -> Iterator[bytes]:
        self.made += 1
        was = self._was() if base else {}
        yield from parcels((Content(name, executable, self.contents[name], was.get(name)) for name, executable, _ in blobs), packing)

    def _was(self) -> dict[str, Content]:
        assert self.base is not None
        same = {path: data for path, data in self.base.files.items() if path in self.files}
        return {digest(self.files[path]): Content(digest(data), False, data) for path, data in same.items()}


class Ground(LocalTransport):
    """Hosts as roots of this machine that are reached as if they were elsewhere, so that nothing is linked."""

    def __init__(self, place: Path, *names: str) -> None:
        super().__init__()
        self.place = place
        self.names = names
        self.told: list[Event] = []
        self.channels: list[Channel] = []
        self.exchanges: dict[str, int] = {}

    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> Channel:
        channel = await super().open(host, app=app, environment=environment, timeout_seconds=timeout_seconds)
        self.channels.append(channel)
        return channel

    def run(self, work: Callable[[Fleet, Tell], Awaitable[T]]) -> T:
        async def over() -> T:
            tell = Tell(self.told.append, lambda: 0.0)
            hosts = [Host(name, f"ann@{name}", root=str(self.place / name)) for name in self.names]
            async with Fleet(hosts, app="shop", environment="live", transport_for=lambda host: self, tell=tell) as fleet:
                return await work(fleet, tell)

        return asyncio.run(over())

    def ship(self, freight: Freight) -> dict[str, dict[str, Any]]:
        async def all_at_once(fleet: Fleet, tell: Tell) -> dict[str, dict[str, Any]]:
            await fleet.connect()
            shipping = Delivery(fleet, freight, tell)
            outcomes = await fleet.each(shipping.ship)
            self.exchanges = {name: sum(fleet.wire(name).exchanges.values()) for name in fleet.names}
            assert outcomes.ok, outcomes.errors
            return outcomes.answers

        return self.run(all_at_once)

    def holds(self, freight: Freight) -> bool:
        """Whether every host has every blob, whole."""
        for name in self.names:
            with Root(str(self.place / name)) as root:
                for digest_, data in freight.contents.items():
                    if Path(blob_path(root, digest_)).read_bytes() != data:
                        return False
        return True


def test_a_first_deployment_is_packed_once_and_a_small_change_is_a_few_hundred_bytes(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "a", "b", "c")
    first = Freight({**FILES, b"big": BIG})
    shipped = ground.ship(first)
    assert ground.holds(first)
    assert first.made == 1
    assert {one["blobs"] for one in shipped.values()} == {202}
    assert all(one["sent"] < 1.02 * sum(map(len, first.contents.values())) for one in shipped.values())
    changed = {b"005": FILES[b"005"] + b"!", b"007": b"seven", b"big": BIG[:900_000] + RANDOM.randbytes(1024) + BIG[901_024:]}
    second = Freight({**first.files, **changed}, first)
    shipped = ground.ship(second)
    assert ground.holds(second)
    assert second.made == 1
    assert [event.data["blobs"] for event in ground.told if event.kind == "shipped"] == [202, 202, 202, 3, 3, 3]
    assert max(one["sent"] for one in shipped.values()) < 1024 + 1200, shipped
    assert {one["blobs"] for one in ground.ship(second).values()} == {0}, "and what is there does not travel again"


def test_what_little_a_host_must_lack_goes_with_the_question(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "a", "b")
    first = Freight({**FILES, b"big": BIG})
    ground.ship(first)
    changed = {b"007": b"seven", b"big": BIG[:900_000] + RANDOM.randbytes(1024) + BIG[901_024:]}
    second = Freight({**first.files, **changed}, first, foresees=True)
    shipped = ground.ship(second)
    assert ground.holds(second)
    assert ground.exchanges == {"a": 1, "b": 1}
    assert second.made == 1
    assert {(one["blobs"], one["bytes"]) for one in shipped.values()} == {(2, len(BIG) + 5)}
    assert max(one["sent"] for one in shipped.values()) < 1024 + 1200, shipped
    back = Freight(first.files, second, foresees=True)
    assert {one["blobs"] for one in ground.ship(back).values()} == {2}, "a host that has it all the same has been sent it in vain"
    assert ground.holds(back)


def test_much_is_asked_for_before_it_is_sent(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "a", "b")
    first = Freight(FILES)
    ground.ship(first)
    second = Freight({**FILES, b"big": BIG}, first, foresees=True)
    ground.ship(second)
    assert ground.holds(second)
    shipped = ground.ship(Freight({**FILES, b"big": BIG}, first, foresees=True))
    assert ground.exchanges == {"a": 1, "b": 1}
    assert max(one["sent"] for one in shipped.values()) < 1000, "and nothing in vain"


def test_hosts_that_lack_different_things_get_each_what_they_lack(tmp_path: Path) -> None:
    first = Freight(FILES)
    second = Freight({**FILES, b"big": BIG}, first)
    Ground(tmp_path, "a").ship(first)
    Ground(tmp_path, "b").ship(Freight({b"other": b"another application's"}))
    ground = Ground(tmp_path, "a", "b", "c")
    shipped = ground.ship(second)
    assert ground.holds(second)
    assert {name: one["blobs"] for name, one in shipped.items()} == {"a": 1, "b": 201, "c": 202}
    assert second.made == 3


@pytest.mark.parametrize("foresees", [False, True], ids=["asked first", "foreseen"])
@pytest.mark.parametrize("state", ["gone", "damaged"])
def test_a_delta_from_what_a_host_lost_is_sent_whole_after_all(tmp_path: Path, state: str, foresees: bool) -> None:
    ground = Ground(tmp_path, "a", "b")
    first = Freight({b"big": BIG})
    ground.ship(first)
    with Root(str(tmp_path / "a")) as root:
        if state == "gone":
            Path(blob_path(root, digest(BIG))).unlink()
        else:
            flip(blob_path(root, digest(BIG)), 12_345)
    second = Freight({b"big": BIG[:1000] + b"and more" + BIG[1000:]}, first, foresees=foresees)
    shipped = ground.ship(second)
    assert ground.holds(second)
    assert shipped["a"]["sent"] > len(BIG) > 3000 > shipped["b"]["sent"]
    assert {one["blobs"] for one in shipped.values()} == {1}


def test_a_link_that_breaks_costs_only_what_was_on_its_way(tmp_path: Path) -> None:
    """What had arrived is named, not sent, when the link is there again."""
    freight = Freight({b"big": RANDOM.randbytes(8_000_000)})
    ground = Ground(tmp_path, "a")

    async def cut(fleet: Fleet, tell: Tell) -> dict[str, Any]:
        shipping = Delivery(fleet, freight, tell)
        going = asyncio.ensure_future(shipping.ship("a"))
        folder = tmp_path / "a" / "parcels"
        while len(list(folder.glob("[0-9a-f]*"))) < 3:
            assert not going.done()
            await asyncio.sleep(0.01)
        link: Any = ground.channels[0]
        link._link.cut()
        return await going

    shipped = ground.run(cut)
    assert ground.holds(freight)
    assert "lost" in [event.kind for event in ground.told]
    assert shipped["sent"] < 1.9 * 8_000_000


def test_another_command_goes_on_where_one_was_cut_off(tmp_path: Path) -> None:
    freight = Freight({b"big": BIG})
    made = list(parcels([Content(digest(BIG), False, BIG), Content(freight.release, False, freight.data)]))
    ground = Ground(tmp_path, "a")
    ground.ship(Freight({}))
    with Root(str(tmp_path / "a")) as root:
        for data in made[:2]:
            keep(root, name_of(data), data)
        flip(f"{tmp_path}/a/parcels/{name_of(made[0])}", 1)
    shipped = ground.ship(freight)
    assert ground.holds(freight)
    assert shipped["a"]["blobs"] == 1


def test_nothing_else_waits_while_much_is_packed() -> None:
    """A renewal of the lease must get its turn: with packing on the loop, 18 MB kept it waiting for longer than a lease lasts."""
    content = RANDOM.randbytes(3_000_000)
    freight = Freight({b"big": content})

    class Slow(Fleet):
        def __init__(self) -> None:
            super().__init__([Host("a", "ann@a.example")], app="shop", environment="live", transport_for=lambda host: NotImplemented)
            self.parts = 0

        async def call(self, name: str, call: str, args: Any = None, **more: Any) -> dict[str, Any]:
            if call == "lack":
                return {"lacking": [], "manifests": [None], "blobs": 0, "parcels": [], "free_bytes": 1 << 30}
            async for _ in more["body"]():
                self.parts += 1
            return {"stored": 2, "lacking": []}

    async def both() -> int:
        turns = 0

        async def renew() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        renewing = asyncio.ensure_future(renew())
        await Delivery(Slow(), freight, Tell(lambda event: None, lambda: 0.0)).ship("a")
        renewing.cancel()
        return turns

    assert asyncio.run(both()) >= 4


def test_a_link_that_stays_broken_is_said(tmp_path: Path) -> None:
    class Broken(Ground):
        async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> Channel:
            channel = await super().open(host, app=app, environment=environment, timeout_seconds=timeout_seconds)
            link: Any = channel
            link._link.cut()
            return channel

    ground = Broken(tmp_path, "a")

    async def one(fleet: Fleet, tell: Tell) -> None:
        with pytest.raises(LinkLost):
            await Delivery(fleet, Freight(FILES), tell).ship("a")

    ground.run(one)
