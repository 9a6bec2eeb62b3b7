"""Each parcel leaves the operator once, whatever the number of hosts; and what becomes of it when one of them is no good.

The hosts are real agents, each in a process and a root of its own, which dial each other on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shipway.execute import feed as feeding
from shipway.execute.feed import Fed, feed
from shipway.execute.feed_keys import credentials
from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.model.event import Event
from shipway.model.intent import Host
from shipway.transports.local import LocalTransport
from shipway_agent.feed import orders
from tests.execute.mole import DIES, LIES, REFUSES, SILENT, Mole

PARCELS = 12
PARCEL_BYTES = 100_000
MOLE = "b"

KEYS_BYTES = 8_000
"""More than the keys, the names of the parcels and the addresses of the others take for one host."""


def content(seed: int = 1, count: int = PARCELS) -> dict[str, bytes]:
    source = random.Random(seed)
    made = [source.randbytes(PARCEL_BYTES) for _ in range(count)]
    return {hashlib.blake2b(data, digest_size=32).hexdigest(): data for data in made}


@dataclass
class Run:
    """One feeding: what each host was fed, what left the operator for it, and what was told."""

    fed: dict[str, Fed]
    sent: dict[str, int]
    told: list[Event] = field(default_factory=list)


class Made:
    """Parcels as a Source, each made when it is reached."""

    def __init__(self, parcels: Mapping[str, bytes]) -> None:
        self._parcels = list(parcels.items())

    async def reaches(self, place: int) -> bool:
        await asyncio.sleep(0)
        return place < len(self._parcels)

    def name(self, place: int) -> str:
        return self._parcels[place][0]

    def data(self, place: int) -> bytes:
        return self._parcels[place][1]


def run(place: Path, names: str, parcels: Mapping[str, bytes], mole: Mole | None = None, kept: Mapping[str, set[str]] | None = None) -> Run:
    """Feed hosts of these names, of which MOLE is `mole`."""
    told: list[Event] = []
    tell = Tell(told.append, lambda: 0.0)
    local = LocalTransport()

    async def go() -> Run:
        hosts = [Host(name, "local", root=str(place / name)) for name in names]
        async with Fleet(
            hosts, app="shop", environment="live", transport_for=lambda host: mole if mole and host.name == MOLE else local, tell=tell
        ) as fleet:
            assert (await fleet.connect()).ok
            before = {name: fleet.bytes_sent(name) for name in names}
            outcomes = await feed(fleet, {name: (kept or {}).get(name, set()) for name in names}, Made(parcels), tell)
            fed = outcomes.answers
            return Run(fed, {name: fleet.bytes_sent(name) - before[name] for name in names}, told)

    return asyncio.run(go())


def there(place: Path, name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (place / name / "parcels").iterdir()}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes nobody ask twice: what is counted here is what honest hosts need."""
    monkeypatch.setattr(feeding, "RESCUE_SECONDS", 300.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is stuck is found sooner; the agents' own patience of 3 s stays as it is."""
    monkeypatch.setattr(feeding, "RESCUE_SECONDS", 0.5)


@pytest.mark.usefixtures("patient")
def test_each_parcel_leaves_the_operator_once(tmp_path: Path) -> None:
    parcels = content()
    done = run(tmp_path, "abc", parcels)
    total = PARCELS * PARCEL_BYTES
    assert all(there(tmp_path, name) == parcels for name in "abc")
    assert sum(fed.operator for fed in done.fed.values()) == total
    assert sum(done.sent.values()) <= total + 3 * KEYS_BYTES
    for name, fed in done.fed.items():
        assert fed.whole
        assert fed.operator + sum(fed.peers.values()) >= total
        assert set(fed.peers) <= set("abc") - {name}


@pytest.mark.usefixtures("patient")
def test_what_is_there_after_a_cut_is_not_sent_again(tmp_path: Path) -> None:
    """One host alone kept what had come: the others get it from there, and the operator sends only the rest."""
    parcels = content()
    here = list(parcels)[:7]
    (tmp_path / "b/parcels").mkdir(parents=True)
    for digest in here:
        (tmp_path / "b/parcels" / digest).write_bytes(parcels[digest])
    done = run(tmp_path, "abc", parcels, kept={"b": set(here)})
    assert all(there(tmp_path, name) == parcels for name in "abc")
    assert sum(fed.operator for fed in done.fed.values()) == (PARCELS - len(here)) * PARCEL_BYTES


@pytest.mark.usefixtures("patient")
def test_what_was_kept_and_is_damaged_is_brought_again(tmp_path: Path) -> None:
    """The operator takes it to be there, for the host said so; the host compares it with its name, and asks."""
    parcels = content(count=2)
    damaged = next(iter(parcels))
    (tmp_path / "a/parcels").mkdir(parents=True)
    (tmp_path / "a/parcels" / damaged).write_bytes(b"half of it")
    done = run(tmp_path, "a", parcels, kept={"a": {damaged}})
    assert there(tmp_path, "a") == parcels
    assert done.fed["a"].operator == 2 * PARCEL_BYTES


@pytest.mark.parametrize("behaviour", [LIES, SILENT, REFUSES, DIES])
@pytest.mark.usefixtures("quick")
def test_a_bad_member_costs_its_own_share(tmp_path: Path, behaviour: str) -> None:
    parcels = content()
    done = run(tmp_path, "abc", parcels, Mole(tmp_path / "mole", behaviour))
    honest = {name: fed for name, fed in done.fed.items() if name != MOLE}
    assert set(honest) == set("ac")
    assert all(there(tmp_path, name) == parcels for name in honest)
    for fed in honest.values():
        assert fed.whole
        assert fed.peers.get(MOLE, 0) == 0 or behaviour == DIES
    notes = [event for event in done.told if event.kind == "note"]
    assert [note.host for note in notes] == ([MOLE] if any(MOLE in fed.lied for fed in honest.values()) else [])


def test_nothing_listens_when_the_operator_is_gone(tmp_path: Path) -> None:
    """Its end of the channel closes, as the kernel closes it for a program that was killed; what had come stays for the next."""
    parcels = content()
    ports: list[int] = []

    async def go() -> None:
        host = Host("a", "local", root=str(tmp_path / "a"))
        channel = await LocalTransport().open(host, app="shop", environment="live")
        taken, listens = asyncio.Event(), asyncio.Event()

        def hear(event: Mapping[str, Any]) -> None:
            if event["event"] == "listening":
                ports.append(int(event["port"]))
                listens.set()
            taken.set() if event["event"] == "taken" else None

        async def body() -> Any:
            digest, data = next(iter(parcels.items()))
            yield orders.want((digest, len(data)) for digest, data in parcels.items())
            for part in orders.content(digest, data):
                yield part
            await asyncio.Event().wait()

        args = {"peers": 1, "credentials": credentials("0")["0"]}
        calling = asyncio.ensure_future(channel.call("feed", args, body=body(), on_event=hear, timeout_seconds=60.0))
        async with asyncio.timeout(30):
            await listens.wait()
            await taken.wait()
        socket.create_connection(("127.0.0.1", ports[0]), 10).close()
        await channel.close()
        await asyncio.gather(calling, return_exceptions=True)
        async with asyncio.timeout(30):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", ports[0]), 10).close()
                except ConnectionRefusedError:
                    return
                await asyncio.sleep(0.02)

    asyncio.run(go())
    assert list(there(tmp_path, "a").values()) == list(parcels.values())[:1]


@pytest.mark.parametrize(("count", "most_steps", "most_peers"), [(9, 1, 8), (16, 2, 7), (200, 4, 16)])
def test_of_many_hosts_each_takes_from_some_and_all_are_few_steps_apart(count: int, most_steps: int, most_peers: int) -> None:
    async def distances() -> tuple[int, int]:
        hosts = [feeding._Fledgling(str(number), Host(f"h{number}", "x"), set()) for number in range(count)]
        among = feeding._Feeding(hosts, Made({}), asyncio.get_running_loop())
        reached, steps = {hosts[0]}, 0
        while len(reached) < len(hosts):
            reached |= {peer for host in reached for peer in among.peers_of(host)}
            steps += 1
        return steps, max(len(among.peers_of(host)) for host in hosts)

    steps, peers = asyncio.run(distances())
    assert steps <= most_steps
    assert peers <= most_peers


class Hands:
    """A clock that stands until it is set, for what the operator decides; nothing is called later."""

    def __init__(self) -> None:
        self.now = 100.0

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Any, /) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(3600.0, callback)


def test_what_a_bad_host_got_is_sent_once_more_and_not_to_everybody() -> None:
    """Four parcels, a host each; d's comes to nobody. Who asks first gets it, the next gets it from there, and later a second time only."""

    async def steps() -> list[tuple[str, str]]:
        clock = Hands()
        hosts = [feeding._Fledgling(str(number), Host(name, f"x@{name}"), set()) for number, name in enumerate("abcd")]
        parcels = content(count=4)
        among = feeding._Feeding(hosts, Made(parcels), clock)
        for host in hosts:
            among.hear(host, {"event": "listening", "port": 1000, "why": "", "seen": ""})
        await among.name_all()
        given = {host: str(host.on_way) for host in hosts}
        assert sorted(given.values()) == sorted(parcels)
        clock.now += 0.1
        for host, digest in given.items():
            among.hear(host, {"event": "taken", "parcel": digest})
        assert all(host.on_way is None for host in hosts)
        a, b, _, d = hosts
        sent = []
        for asks, seconds in ((a, 0.1), (a, feeding.RESCUE_SECONDS), (b, 0.1), (b, feeding.RESCUE_SECONDS)):
            clock.now += seconds
            among.hear(asks, {"event": "wants", "parcels": [given[d]], "alone": False})
            if asks.on_way is not None:
                sent.append((asks.host.name, "d's" if asks.on_way == given[d] else "another's"))
                among.hear(asks, {"event": "taken", "parcel": asks.on_way})
        among.stop()
        return sent

    assert asyncio.run(steps()) == [("a", "d's"), ("b", "d's")]


@pytest.mark.parametrize("makes", [True, False], ids=["nobody gets what it makes", "it makes nothing"])
def test_a_build_host_is_waited_for_and_not_for_ever(makes: bool) -> None:
    async def steps() -> tuple[bool, int]:
        clock, parcels = Hands(), content(count=4)
        a, b, w = (feeding._Fledgling(str(number), Host(name, f"x@{name}"), set()) for number, name in enumerate("abw"))
        among = feeding._Feeding([a, b], Made(parcels), clock, w)
        for host in (a, b, w):
            among.hear(host, {"event": "listening", "port": 1000, "why": "", "seen": ""})
        await among.name_all()
        assert a.on_way is b.on_way is None, "it may still make them"
        if makes:
            for parcel in parcels:
                among.hear(w, {"event": "taken", "parcel": parcel})
            among.hear(w, {"event": "stocked"})
        clock.now += 0.1
        among.hear(a, {"event": "wants", "parcels": list(parcels), "alone": False})
        assert a.on_way is b.on_way is None, "it has them, or makes them"
        clock.now += feeding.STOCK_SECONDS
        among.hear(a, {"event": "wants", "parcels": list(parcels), "alone": False})
        among.stop()
        return w.gone, sum(host.on_way is not None for host in (a, b))

    assert asyncio.run(steps()) == (makes, 2)
