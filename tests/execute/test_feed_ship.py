"""What is shipped to several hosts at once comes to most of them from the others, and to all of them whatever becomes of that."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import pytest

from shipway.execute import feed as feeding
from shipway.execute import ship as shipping
from shipway.execute.feed import Fed, Source
from shipway.execute.fleet import Fleet, Outcomes
from shipway.execute.ship import SPARED_BYTES, Delivery
from shipway.execute.telling import Tell
from shipway.model.errors import HostError, HostRefused, LinkLost, Unreachable
from shipway.model.event import Event
from shipway.model.intent import Host
from shipway.transports.base import Channel
from shipway.transports.local import LocalTransport
from shipway_agent.manifest import digest
from shipway_agent.primitives import blobs
from shipway_agent.root import Root
from tests.agent.primitives.conftest import blob_path, flip
from tests.execute.test_ship import BIG, FILES, Freight, Ground
from tests.hosts.sessions import words_of

EVERYTHING = Freight({**FILES, b"big": BIG})


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a host comes late, and is waited for all the same."""
    monkeypatch.setattr(shipping, "COMPANY_SECONDS", 300.0)


class Near(Ground):
    """Three hosts that find each other on 127.0.0.1."""

    def __init__(self, place: Path) -> None:
        super().__init__(place, "a", "b", "c")
        self.heard = asyncio.Event()
        self.exchanges: dict[str, int] = {}
        self.builder: Callable[[], Fleet] | None = None

    def hear(self, event: Event) -> None:
        self.told.append(event)
        self.heard.set()

    def ship(self, freight: Freight) -> dict[str, dict[str, Any]]:
        async def all_at_once() -> dict[str, dict[str, Any]]:
            tell = Tell(self.hear, lambda: 0.0)
            hosts = [Host(name, f"{name}@127.0.0.1", root=str(self.place / name)) for name in self.names]
            async with Fleet(hosts, app="shop", environment="live", transport_for=lambda host: self, tell=tell) as fleet:
                await fleet.connect()
                going = Delivery(fleet, freight, tell, self.builder)
                going.expect(fleet.names)
                outcomes = await fleet.each(going.ship)
                assert outcomes.ok, outcomes.errors
                self.exchanges = {name: sum(fleet.wire(name).exchanges.values()) for name in fleet.names}
                return outcomes.answers

        return asyncio.run(all_at_once())


def test_a_first_deployment_leaves_once_and_a_small_change_goes_straight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "RESCUE_SECONDS", 300.0)
    near = Near(tmp_path)
    shipped = near.ship(EVERYTHING)
    assert near.holds(EVERYTHING)
    sent = sum(one["sent"] for one in shipped.values())
    assert len(BIG) <= sent <= len(BIG) + SPARED_BYTES
    passed_on = sum(sum(one["peers"].values()) for one in shipped.values())
    assert passed_on >= 2 * len(BIG)
    assert [event.data["peers"] for event in near.told if event.kind == "shipped"] == [
        one["peers"] for one in _in_order(near.told, shipped)
    ]
    assert not any((tmp_path / name / "parcels").exists() for name in near.names)
    assert near.exchanges == {"a": 2, "b": 2, "c": 2}, "it says what it lacks, unpacks what comes, and is asked nothing more"
    changed = Freight({**EVERYTHING.files, b"new": b"a few bytes"}, EVERYTHING)
    shipped = near.ship(changed)
    assert near.holds(changed)
    assert [one["peers"] for one in shipped.values()] == [{}, {}, {}]


def _in_order(told: list[Event], shipped: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [shipped[event.host] for event in told if event.kind == "shipped"]


def test_who_is_not_fed_is_sent_the_rest_straight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose link broke at once, for only a new login renews its lease: not when the others have been fed."""
    near = Near(tmp_path)

    async def broken(
        fleet: Fleet,
        kept: Mapping[str, AbstractSet[str]],
        source: Source,
        tell: Tell,
        on_error: Callable[[HostError], None],
        *,
        count: int,
        size: int,
    ) -> Outcomes[Fed]:
        lost, refused = LinkLost("a", "lost", "the link broke"), HostRefused("b", "feed", "no feeding here")
        on_error(lost)
        async with asyncio.timeout(60):
            while not any(event.kind == "shipped" and event.host == "a" for event in near.told):
                near.heard.clear()
                await near.heard.wait()
        return Outcomes(answers={"c": Fed(0, {}, (), whole=False)}, errors={"a": lost, "b": refused})

    monkeypatch.setattr(shipping, "feed", broken)
    shipped = near.ship(EVERYTHING)
    assert near.holds(EVERYTHING)
    assert all(one["sent"] > len(BIG) for one in shipped.values())


def test_what_a_host_cannot_make_of_what_it_has_is_sent_to_it_alone(tmp_path: Path) -> None:
    near = Near(tmp_path)
    near.ship(EVERYTHING)
    changed = Freight({**EVERYTHING.files, b"big": BIG[: len(BIG) // 2] + os.urandom(SPARED_BYTES) + BIG[len(BIG) // 2 :]}, EVERYTHING)
    with Root(str(tmp_path / "b")) as root:
        flip(blob_path(root, digest(BIG)), 12_345)
    shipped = near.ship(changed)
    assert near.holds(changed)
    assert shipped["a"]["peers"] or shipped["c"]["peers"]
    assert shipped["b"]["sent"] > len(BIG) > max(shipped["a"]["sent"], shipped["c"]["sent"])


def test_a_host_without_room_to_pass_on_gets_all_from_here_and_is_named(tmp_path: Path) -> None:
    small = tmp_path / "a"
    small.mkdir()
    size = 4_000_000 + len(BIG)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", small], capture_output=True).returncode != 0:
        pytest.skip("only root can have a small disk here")
    try:
        near = Near(tmp_path)
        shipped = near.ship(EVERYTHING)
        assert near.holds(EVERYTHING)
        assert shipped["a"]["peers"] == {}
        assert shipped["b"]["peers"] or shipped["c"]["peers"]
        assert [event.host for event in near.told if event.kind == "note" and "not to pass it on" in str(event.data["message"])] == ["a"]
    finally:
        subprocess.run(["umount", "-l", small], check=True)


class Built(Near):
    """With a host that built `freight`: its root is `w`, and it is no member."""

    def __init__(self, place: Path, freight: Freight) -> None:
        super().__init__(place)
        self.root = str(place / "w")
        self.workshop = Host("w", "ci@127.0.0.1", root=self.root)
        self.builder = lambda: Fleet([self.workshop], app="shop", environment="live", transport_for=lambda host: self)
        with Root(self.root, create=True) as root:
            blobs.keep(root, [(name, False, len(content)) for name, content in freight.contents.items()], freight.contents.values())

    def ship_as_one(self, freight: Freight) -> tuple[int, int]:
        """Bytes that left the operator, and that the build host gave."""
        shipped = self.ship(freight)
        assert self.holds(freight)
        return sum(one["sent"] for one in shipped.values()), sum(one["peers"].get("w", 0) for one in shipped.values())


def test_what_a_build_host_has_the_operator_does_not_send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "RESCUE_SECONDS", 300.0)
    monkeypatch.setattr(feeding, "STOCK_SECONDS", 300.0)
    built = Built(tmp_path, EVERYTHING)
    sent, given = built.ship_as_one(EVERYTHING)
    assert sent < SPARED_BYTES < len(BIG) <= given
    assert not (tmp_path / "w" / "parcels").exists(), "it keeps what it built, and not how it travelled"


def test_what_it_lacks_or_has_otherwise_comes_from_the_operator(tmp_path: Path) -> None:
    """Its parcels have other names, so that nothing it says of them counts."""
    built = Built(tmp_path, EVERYTHING)
    for name, content in (("000", FILES[b"000"]), ("150", FILES[b"150"])):
        with Root(built.root) as root:
            path = Path(blob_path(root, digest(content)))
        if name == "000":
            flip(str(path), 77)
        else:
            path.unlink()
    sent, given = built.ship_as_one(EVERYTHING)
    assert (sent > len(BIG), given) == (True, 0)


def test_a_build_host_that_cannot_be_reached_or_dies_costs_what_it_would_have_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = Built(tmp_path, EVERYTHING)
    hear = feeding._Feeding.hear

    def dies(of: feeding._Feeding, host: feeding._Fledgling, event: Mapping[str, Any]) -> None:
        hear(of, host, event)
        if host.host.name == "w" and event["event"] == "taken":
            for pid in sessions_in(built.root):
                os.kill(pid, signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(feeding._Feeding, "hear", dies)
        built.ship_as_one(EVERYTHING)
    (said,) = [
        str(event.data["message"]) for event in built.told if event.kind == "note" and "does not give it" in str(event.data["message"])
    ]
    assert said.startswith("ci@127.0.0.1, which built it, ")

    away = Near(tmp_path / "away")
    away.builder = lambda: Fleet([built.workshop], app="shop", environment="live", transport_for=lambda host: Nowhere())
    away.ship(EVERYTHING)
    assert away.holds(EVERYTHING)


class Nowhere(LocalTransport):
    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> Channel:
        raise Unreachable(host.name, "unreachable", "no route to host")


def sessions_in(root: str) -> list[int]:
    """The sessions of this machine that work in that root."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if words_of(int(folder.name))[-2:] == [b"--root", root.encode()]:
                found.append(int(folder.name))
    return found
