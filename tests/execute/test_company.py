"""Hosts that lack the same find each other, and nobody waits for long for one that does not come."""

from __future__ import annotations

import asyncio

from shipway.execute.company import Company


def test_those_that_bring_the_same_are_together() -> None:
    async def all_come() -> list[tuple[str, ...]]:
        company = Company("abcd", 60.0)
        return await asyncio.gather(*(company.of(name, brings) for name, brings in zip("abcd", "xyxx")))

    assert asyncio.run(all_come()) == [("a", "c", "d"), ("b",), ("a", "c", "d"), ("a", "c", "d")]


def test_who_leaves_is_not_waited_for() -> None:
    async def one_leaves() -> tuple[str, ...]:
        company = Company("abc", 60.0)
        waiting = [asyncio.ensure_future(company.of(name, "x")) for name in "ab"]
        await asyncio.sleep(0)
        company.leave("c")
        return (await asyncio.gather(*waiting))[0]

    assert asyncio.run(one_leaves()) == ("a", "b")


def test_who_does_not_come_in_time_is_alone() -> None:
    async def one_is_late() -> list[tuple[str, ...]]:
        company = Company("abc", 0.01)
        early = await asyncio.gather(*(company.of(name, "x") for name in "ab"))
        return [*early, await company.of("c", "x")]

    assert asyncio.run(one_is_late()) == [("a", "b"), ("a", "b"), ()]


def test_of_nobody_who_was_announced_nobody_is_waited_for() -> None:
    async def nobody() -> tuple[str, ...]:
        return await Company((), 60.0).of("a", "x")

    assert asyncio.run(nobody()) == ("a",)
