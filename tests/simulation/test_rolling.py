"""A rolling deployment whose driver dies at every call, whose batches fail and whose network cuts: the checker is that of all others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shipway.execute.conduct import Conduct
from shipway_agent import decide
from tests.simulation.checker import check
from tests.simulation.deploying import deploy, quiet
from tests.simulation.history import Happening
from tests.simulation.test_driver import CUT_SECONDS, CUTS, play, trouble
from tests.simulation.world import Faults, World

NAMES = ("a", "b", "c", "d")
BATCHES = [("b", "c"), ("d", "a")]
"""The lead is in the last one."""


def calls_of_a_clean_run() -> list[str]:
    """The calls of a driver that nobody disturbs: the crash points."""
    found: list[str] = []

    async def story(world: World) -> list[str]:
        driver = world.driver("second")
        assert await deploy(world, driver, 2) == "live"
        found.extend(driver.calls)
        return []

    play(NAMES, story)
    return found


def order(history: list[Happening], generation: int) -> list[str]:
    """The hosts in the order in which they began to serve a generation."""
    return [line.host for line in history if line.what == "serves" and line.data["generation"] == generation]


def test_batch_by_batch_each_proved_before_the_next_and_one_decision_at_the_end() -> None:
    async def story(world: World) -> list[str]:
        return [await deploy(world, world.driver("second"), 2)]

    world = play(NAMES, story, traced=True)
    assert check(world.history, NAMES, quiet=True) == []
    served = order(world.history, 2)
    assert [set(served[:2]), set(served[2:])] == [set(batch) for batch in BATCHES]
    switched = [at for at, line in enumerate(world.history) if line.what == "serves" and line.data["generation"] == 2]
    proved = [at for at, line in enumerate(world.history) if line.what == "driver: proved" and at > switched[0]]
    assert switched[1] < proved[0] < proved[1] < switched[2], "the first batch is proved before the second switches"
    committed = [at for at, line in enumerate(world.history) if line.what == "commit" and at > switched[0]]
    assert len(committed) == 1 and max(proved) < committed[0]
    assert [world.history[at].host for at in proved].count("b") == 2, "what was proved first is proved again beside the last"


@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
def test_killed_at_every_call_the_fleet_is_never_left_mixed(after: bool) -> None:
    calls = calls_of_a_clean_run()
    reached: set[frozenset[str]] = set()
    for point in range(1, len(calls) + 1):

        async def story(world: World, point: int = point) -> list[str]:
            return [await deploy(world, world.driver("killed", Faults(dies_at=point, after=after)), 2)]

        world = play(NAMES, story)
        assert check(world.history, NAMES, quiet=True) == [], f"killed at call {point}, {calls[point - 1]}"
        open_ones = [name for name, host in world.hosts.items() if decide.due(host.member, float("inf"))]
        assert not open_ones, f"killed at call {point}, {calls[point - 1]}: who had only prepared knows the decision as well"
        reached.add(frozenset(order(world.history, 2)))
    assert {frozenset(), frozenset(BATCHES[0]), frozenset(NAMES)} <= reached, "also between the batches"


@pytest.mark.parametrize("fails", ["b:start", "c:switch", "b:prove", "b:serves:2", "d:start", "d:switch", "a:prove", "b:prove:again"])
def test_what_fails_in_any_batch_is_undone_in_all(fails: str) -> None:
    async def story(world: World) -> list[str]:
        verdict = await deploy(world, world.driver("second"), 2)
        assert verdict == "undone"
        return [verdict]

    world = play(NAMES, story, faults=Faults(fails={fails: "sick"}))
    assert check(world.history, NAMES, quiet=True) == []
    assert {host.link for host in world.hosts.values()} == {1}
    if fails in ("b:start", "b:prove"):
        assert not set(BATCHES[1]) & set(order(world.history, 2)), "the second batch never began"


@pytest.mark.parametrize("sick", [("a", "d"), ("a",)], ids=["none serves", "one of two serves"])
def test_a_batch_begins_only_while_enough_others_serve(sick: tuple[str, ...]) -> None:
    async def story(world: World) -> list[str]:
        verdict = await deploy(world, world.driver("second"), 2)
        assert verdict == ("undone" if len(sick) == 2 else "live")
        return [verdict]

    world = play(NAMES, story, faults=Faults(fails={f"{name}:serves:1": "a broken disk" for name in sick}))
    assert check(world.history, NAMES, quiet=True) == []
    assert bool(order(world.history, 2)) == (len(sick) == 1)


def broken_promises(point: int, cut: str, kind: str, *, fails: str = "") -> list[str]:
    """At its call `point` the driver dies, or sleeps and wakes, while links are cut; everything heals, and another deploys."""

    async def story(world: World) -> list[str]:
        dies, sleeps = (point, None) if kind == "dies" else (None, point)
        struck = Faults(dies_at=dies, sleeps_at=sleeps, sleep_seconds=CUT_SECONDS - 5, at_that_call=trouble(CUTS[cut]))
        await deploy(world, world.driver("struck", struck), 2)
        world.faults = Faults()
        await asyncio.sleep(CUT_SECONDS)
        await quiet(world)
        last = await deploy(world, world.driver("last"), 2)
        return [] if last == "live" else [f"after everything healed, a deployment ended {last}"]

    world = play(NAMES, story, faults=Faults(fails={fails: "sick"} if fails else {}))
    return check(world.history, NAMES, quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["b is cut off", "members cannot ask"])
@pytest.mark.parametrize("kind", ["dies", "sleeps"])
def test_struck_at_every_eighth_call_while_links_are_cut(kind: str, cut: str) -> None:
    for point in range(1, len(calls_of_a_clean_run()) + 1, 8):
        assert broken_promises(point, cut, kind) == [], f"{kind} at call {point}, {cut}"


def test_the_checker_catches_a_driver_that_commits_before_the_last_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Conduct._take

    async def without_the_lead_s_company(conduct: Conduct, hosts: tuple[str, ...], earlier: tuple[str, ...]) -> Any:
        await take(conduct, tuple(name for name in hosts if name != "d"), earlier)

    monkeypatch.setattr(Conduct, "_take", without_the_lead_s_company)

    async def story(world: World) -> list[str]:
        return [await deploy(world, world.driver("second"), 2)]

    world = play(NAMES, story)
    assert check(world.history, NAMES, quiet=True) != []
