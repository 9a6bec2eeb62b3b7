"""Parcels are made once, when the first host asks, whatever becomes of that host."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from shipway.execute import load
from shipway.execute.load import Load
from shipway_agent.parcel import name_of

PARCELS = [bytes([number]) * 1000 for number in range(5)]


class Maker:
    """Makes PARCELS, and counts how often each was made."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self) -> Iterator[bytes]:
        for number, data in enumerate(PARCELS):
            assert self.may_go_on.wait(30)
            self.made.append(number)
            yield data


async def taken(one: Load) -> list[bytes]:
    found: list[bytes] = []
    while await one.reaches(len(found)):
        assert one.name(len(found)) == name_of(one.data(len(found)))
        found.append(one.data(len(found)))
    return found


def test_many_hosts_get_the_same_and_it_is_made_once() -> None:
    maker = Maker()

    async def all_of_them() -> None:
        one = Load(maker)
        assert maker.made == [], "nothing is made before somebody asks"
        assert await asyncio.gather(*(taken(one) for _ in range(20))) == [PARCELS] * 20
        assert await taken(one) == PARCELS

    asyncio.run(all_of_them())
    assert maker.made == [0, 1, 2, 3, 4]


def test_what_is_more_than_memory_may_hold_lies_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MEMORY_BYTES", 2500)

    async def again() -> None:
        one = Load(Maker())
        assert [await taken(one), await taken(one)] == [PARCELS, PARCELS]

    asyncio.run(again())


def test_a_host_that_is_given_up_ends_nothing_for_the_others() -> None:
    maker = Maker()
    maker.may_go_on.clear()

    async def one_leaves() -> list[bytes]:
        one = Load(maker)
        leaving, staying = asyncio.ensure_future(taken(one)), asyncio.ensure_future(taken(one))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        maker.may_go_on.set()
        return await staying

    assert asyncio.run(one_leaves()) == PARCELS
    assert maker.made == [0, 1, 2, 3, 4]


def test_what_cannot_be_made_is_said_to_every_host() -> None:
    def make() -> Iterator[bytes]:
        yield PARCELS[0]
        raise ValueError("the commit is gone")

    async def both() -> list[object]:
        one = Load(make)
        return list(await asyncio.gather(taken(one), taken(one), return_exceptions=True))

    for error in asyncio.run(both()):
        assert isinstance(error, ValueError) and str(error) == "the commit is gone"
