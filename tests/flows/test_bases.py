"""What hosts serve is known from git, else from one of them; and a delta is made from what is known."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shipway.execute.fleet import Fleet
from shipway.flows.bases import Bases
from shipway.flows.cargo import Cargo
from shipway.model.errors import LinkLost
from shipway.model.facts import HostFacts
from shipway.model.intent import Host
from shipway.release.release import Made
from shipway_agent import manifest
from shipway_agent.manifest import digest
from shipway_agent.parcel import ZLIB, pieces
from tests.plan.fleet import facts, fresh
from tests.release.repositories import Checkout, shipping

BIG = bytes(range(256)) * 400
BUILT = shipping("mkdir -p out && wc -c big > out/size", outputs=("out",))


class Remembering(Fleet):
    """A fleet whose hosts say that `data` is the manifest of whatever they are asked for."""

    def __init__(self, data: bytes | None) -> None:
        super().__init__([Host("a", "a"), Host("b", "b")], app="shop", environment="live", transport_for=lambda host: NotImplemented)
        self.data = data
        self.asked: list[str] = []

    async def call(self, name: str, call: str, args: Any = None, **more: Any) -> dict[str, Any]:
        self.asked.append(name)
        if self.data is None:
            raise LinkLost(name, "lost", "the link broke")
        return {"entries": manifest.change(b"", self.data)[0]}


def serving(made: Made, *names: str) -> dict[str, HostFacts]:
    document = {"release": made.release.digest, "commit": made.release.source.commit}
    found = facts({name: fresh(name) for name in names})
    return {name: replace(fact, generations={1: document}, member=replace(fact.member, current=1)) for name, fact in found.items()}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def versions(place: Path, **how: Any) -> tuple[Checkout, Made, Made]:
    checkout = Checkout.new(place / "checkout")
    first = checkout.commit(big=BIG, small=b"1")
    checkout.commit(big=BIG[:1000] + b"more" + BIG[1000:], small=b"2")
    return checkout, checkout.release(first, **how), checkout.release(**how)


def bring(checkout: Checkout, now: Made, fleet: Remembering, hosts: dict[str, HostFacts]) -> tuple[list[str], list[bytes]]:
    """The base of each host's list, and the parcels for one that lacks what changed."""

    async def asked() -> tuple[list[str], list[bytes]]:
        bases = Bases(checkout.repository, now, ".")
        bases.learn(fleet, hosts)
        cargo = Cargo(now, {}, bases=bases)
        listings = [(await cargo.listings(name))[0] for name in ("a", "b", "new")]
        blobs = [blob for blob in listings[0].blobs if blob[2] > 1000]
        return [one.base for one in listings], list(cargo.parcels(blobs, base=listings[0].base, packing=ZLIB))

    return asyncio.run(asked())


def test_git_tells_it_and_no_host_is_asked(tmp_path: Path, home: None) -> None:
    checkout, was, now = versions(tmp_path)
    fleet = Remembering(None)
    found, (parcel,) = bring(checkout, now, fleet, serving(was, "a", "b"))
    assert found == [was.release.digest, was.release.digest, ""]
    assert fleet.asked == []
    assert [piece.source[0] for piece in pieces(parcel)] == [digest(BIG)]
    assert len(parcel) < 200


def test_the_first_parcel_is_made_before_anybody_asks_for_it(tmp_path: Path, home: None) -> None:
    checkout, was, now = versions(tmp_path)
    fleet = Remembering(None)

    async def begun() -> tuple[list[bytes], list[bytes]]:
        bases = Bases(checkout.repository, now, ".")
        bases.learn(fleet, serving(was, "a"))
        cargo = Cargo(now, {}, bases=bases)
        await cargo.begin("a")
        (listing,) = await cargo.listings("a")
        assert [size for _, _, size in listing.fresh] == [len(BIG) + 4, 1], "what the host's release names is not among it"
        (early,) = cargo._begun.values()
        parcels = list(cargo.parcels(listing.fresh, base=listing.base, packing=ZLIB))
        first, _ = early.result(0)
        assert first is parcels[0]
        return parcels, list(cargo.parcels(listing.fresh, base=listing.base, packing=ZLIB))

    early, again = asyncio.run(begun())
    assert early == again, "they are the same parcels"


def test_where_a_build_made_another_one_host_is_asked_once(tmp_path: Path, home: None) -> None:
    checkout, was, now = versions(tmp_path, shipment=BUILT)
    fleet = Remembering(was.blobs.manifest())
    found, (parcel,) = bring(checkout, now, fleet, serving(was, "a", "b"))
    assert found == [was.release.digest, was.release.digest, ""]
    assert fleet.asked == ["a"]
    assert len(parcel) < 200


@pytest.mark.parametrize("data", [None, b'["file","a","",0,""]\n', b""], ids=["silent", "lying", "empty"])
def test_what_nobody_knows_is_no_base_and_everything_travels_whole(tmp_path: Path, home: None, data: bytes | None) -> None:
    checkout, was, now = versions(tmp_path, shipment=BUILT)
    found, parcels = bring(checkout, now, Remembering(data), serving(was, "a", "b"))
    assert found == ["", "", ""]
    assert all(not piece.source[0] for parcel in parcels for piece in pieces(parcel))


def test_the_release_that_is_to_come_is_no_base(tmp_path: Path, home: None) -> None:
    checkout, _, now = versions(tmp_path)
    found, _ = bring(checkout, now, Remembering(None), serving(now, "a", "b"))
    assert found == ["", "", ""]
