"""Ctrl-C at every call of the driver: the exit code is true, and no lease stays behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count

import pytest

from tests.simulation.checker import check
from tests.simulation.deploying import deploy
from tests.simulation.test_driver import calls_of_a_clean_run, play
from tests.simulation.world import Driver, Faults, World

NAMES = ("a", "b", "c")


@dataclass
class Interrupted:
    """How one story ended: at which call it was interrupted (None where that call never came), with which word, holding which leases."""

    at: str | None = None
    word: str = "gone"
    leases: list[str] = field(default_factory=list)


@pytest.mark.parametrize(
    ("after", "left_open"), [(False, False), (True, True)], ids=["nothing is open", "a dead driver left something open"]
)
def test_interrupted_at_every_call_it_leaves_no_lease(after: bool, left_open: bool) -> None:
    words = set()
    undecided = calls_of_a_clean_run(NAMES).index("decide:commit") + 1
    for point in count(1):
        told = Interrupted()

        async def story(world: World, point: int = point, told: Interrupted = told) -> list[str]:
            if left_open:
                await deploy(world, world.driver("dead", Faults(dies_at=undecided)))

            def interrupt(world: World) -> None:
                told.at = driver.calls[point - 1]
                task.cancel()

            driver: Driver = world.driver("interrupted", Faults(sleeps_at=point, sleep_seconds=0.0, after=after, at_that_call=interrupt))
            task = asyncio.ensure_future(deploy(world, driver))
            try:
                told.word = await task
            except asyncio.CancelledError:
                pass  # before it had any lease
            told.leases = [name for name, host in world.hosts.items() if host.member.lease is not None]
            return [told.word]

        world = play(NAMES, story)
        if told.at is None:
            break
        assert check(world.history, NAMES, quiet=True) == [], f"interrupted at call {point}: {told}"
        assert told.leases == [] or left_open, f"call {point}: {told}"
        assert told.word != "gone" or told.at in ("open:", "look:"), f"call {point}: {told}"
        words.add(told.word)
    assert {"gone", "refused: interrupted", "undone", "live"} <= words
    assert ("unsettled: interrupted" in words) == left_open
