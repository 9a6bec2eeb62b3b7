"""The driver dies at every one of its calls, before and after the effect; hosts reboot; the network cuts and loses.

Whatever happens, the fleet ends on one generation, the next driver needs no force, and no exit code lies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.simulation.checker import check
from tests.simulation.deploying import deploy, quiet, with_daemons
from tests.simulation.loop import simulate
from tests.simulation.world import Faults, World

FLEETS = [("a",), ("a", "b", "c"), ("a", "b", "c", "d")]


def play(
    names: tuple[str, ...],
    story: Callable[[World], Awaitable[list[str]]],
    *,
    seed: int = 0,
    faults: Faults | None = None,
    traced: bool = False,
) -> World:
    """Run a story on a fleet whose first deployment went well; returns the world with its verdicts in `history`."""
    world = World(names, seed, faults)
    world.traced = traced

    async def main() -> None:
        async def told() -> None:
            healthy, world.faults = world.faults, Faults()
            assert await deploy(world, world.driver("first")) == "live"
            world.faults = healthy
            await story(world)
            world.faults = Faults()
            await quiet(world)

        await with_daemons(world, told())

    simulate(main())
    return world


def calls_of_a_clean_run(names: tuple[str, ...]) -> list[str]:
    """The calls of a driver that nobody disturbs: the crash points."""
    found: list[str] = []

    async def story(world: World) -> list[str]:
        driver = world.driver("second")
        assert await deploy(world, driver) == "live"
        found.extend(driver.calls)
        return []

    play(names, story)
    return found


@pytest.mark.parametrize("names", FLEETS, ids=len)
def test_clean_deployments_follow_each_other(names: tuple[str, ...]) -> None:
    async def story(world: World) -> list[str]:
        return [await deploy(world, world.driver(f"driver {n}")) for n in range(3)]

    world = play(names, story)
    assert check(world.history, names, quiet=True) == []
    assert {host.link for host in world.hosts.values()} == {4}


@pytest.mark.parametrize("names", FLEETS, ids=len)
@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
def test_killed_at_every_call_the_fleet_is_never_mixed(names: tuple[str, ...], after: bool) -> None:
    calls = calls_of_a_clean_run(names)
    assert len(calls) > 9 * len(names)
    reached: set[str] = set()
    for point in range(1, len(calls) + 1):

        async def story(world: World, point: int = point) -> list[str]:
            verdict = await deploy(world, world.driver("killed", Faults(dies_at=point, after=after)))
            return [verdict]

        world = play(names, story)
        assert check(world.history, names, quiet=True) == [], f"killed at call {point}, {calls[point - 1]}"
        reached.update(line.data["call"] for line in world.history if line.what == "driver died")
    told = {"decide:tell"} if len(names) > 1 else set()  # a lead that answers *committed* has acknowledged
    assert {"open:", "look:", "decide:lease", "run:", "decide:commit", *told} <= reached


@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
def test_the_next_driver_needs_no_force(after: bool) -> None:
    names = ("a", "b", "c")
    for point in range(1, len(calls_of_a_clean_run(names)) + 1):

        async def story(world: World, point: int = point) -> list[str]:
            await deploy(world, world.driver("killed", Faults(dies_at=point, after=after)))
            return [await deploy(world, world.driver("next"))]

        world = play(names, story)
        verdicts = {line.data["driver"]: line.data["verdict"] for line in world.history if line.what == "ended"}
        assert verdicts["next"] == "live", f"killed at call {point}"
        assert check(world.history, names, quiet=True) == [], f"killed at call {point}"


def test_a_host_that_goes_behind_a_settlement_is_told_as_such_and_not_as_a_refusal() -> None:
    """*Refused* is *nothing was touched*: untrue where what another driver had left open has just been settled."""
    names = ("a", "b", "c")
    undecided = calls_of_a_clean_run(names).index("decide:commit") + 1
    calls: list[str] = []

    def verdict_where_b_falls_at(point: int) -> str:
        async def story(world: World) -> list[str]:
            await deploy(world, world.driver("killed", Faults(dies_at=undecided)))
            driver = world.driver("next", Faults(sleeps_at=point, sleep_seconds=0.0, at_that_call=lambda world: world.hosts["b"].fall()))
            said = await deploy(world, driver)
            if not world.hosts["b"].up:
                world.hosts["b"].rise()
            calls[:] = driver.calls
            return [said]

        world = play(names, story)
        assert check(world.history, names, quiet=True) == [], f"b falls at call {point}"
        return [str(line.data["verdict"]) for line in world.history if line.what == "ended"][-1]

    assert verdict_where_b_falls_at(0) == "live"
    behind = calls.index("look:", calls.index("decide:tell")) + 1
    assert verdict_where_b_falls_at(1) == "refused: unreachable"
    assert verdict_where_b_falls_at(behind) == "unsettled: unreachable"


@pytest.mark.parametrize("step", ["tree", "task:migrate", "start", "switch", "prove"])
def test_a_step_that_fails_on_one_host_is_undone_on_all(step: str) -> None:
    names = ("a", "b", "c", "d")

    async def story(world: World) -> list[str]:
        verdict = await deploy(world, world.driver("second"))
        assert verdict == "undone"
        return [verdict]

    host = "a" if step == "task:migrate" else "c"
    world = play(names, story, faults=Faults(fails={f"{host}:{step}": "it broke"}))
    assert check(world.history, names, quiet=True) == []
    assert {host.link for host in world.hosts.values()} == {1}


def test_two_drivers_at_once_one_wins_and_the_other_is_told() -> None:
    names = ("a", "b", "c")
    for seed in range(40):

        async def story(world: World) -> list[str]:
            return list(await asyncio.gather(deploy(world, world.driver("one")), deploy(world, world.driver("other"))))

        world = play(names, story, seed=seed)
        verdicts = sorted(line.data["verdict"] for line in world.history if line.what == "ended")
        assert check(world.history, names, quiet=True) == [], f"seed {seed}"
        assert verdicts.count("live") >= 2, f"seed {seed}: {verdicts}"
        assert set(verdicts) <= {"live", "refused: lease-held", "refused: lease-raced"}, f"seed {seed}: {verdicts}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(150))
def test_reboots_cuts_and_losses_at_random(seed: int) -> None:
    names = ("a", "b", "c")

    async def story(world: World) -> list[str]:
        async def havoc() -> None:
            await asyncio.sleep(world.random.uniform(0, 6))
            kind = world.random.choice(["reboot", "operator", "peer"])
            victim = world.random.choice(names)
            if kind == "reboot":
                await world.hosts[victim].reboot(world.random.uniform(0.1, 12))
            elif kind == "operator":
                world.cut("operator", victim)
            else:
                world.cut("a", world.random.choice(["b", "c"]))
            await asyncio.sleep(world.random.uniform(0, 15))
            world.heal()

        point = world.random.choice([None, world.random.randint(1, 60)])
        faults = Faults(dies_at=point, after=world.random.random() < 0.5)
        trouble = asyncio.ensure_future(havoc())
        verdict = await deploy(world, world.driver("second", faults))
        await trouble
        await quiet(world)
        world.faults = Faults()
        settled = await deploy(world, world.driver("settling"))
        assert settled == "live", settled
        return [verdict]

    lost = 0.02 if seed % 3 == 0 else 0.0
    world = play(names, story, seed=seed, faults=Faults(lost_share=lost, slow_seconds=0.5 if seed % 2 else 0.05))
    assert check(world.history, names, quiet=True) == []


CUTS: dict[str, tuple[tuple[str, str], ...]] = {
    "nothing is cut": (),
    "b is cut off": (("operator", "b"), ("a", "b")),
    "the lead is cut off": (("operator", "a"), ("a", "b"), ("a", "c")),
    "members cannot ask": (("a", "b"), ("a", "c")),
}
CUT_SECONDS = 20.0


def trouble(world_cuts: tuple[tuple[str, str], ...]) -> Callable[[World], None]:
    """Cut these links now and heal them later."""

    def strike(world: World) -> None:
        for one, other in world_cuts:
            world.cut(one, other)
        asyncio.get_running_loop().call_later(CUT_SECONDS, world.heal)

    return strike


def broken_promises(point: int, kind: str, cuts: tuple[tuple[str, str], ...], *, after: bool = False, fails: str = "") -> list[str]:
    """One story: at its call `point` the driver dies, sleeps or goes on while links are cut; then everything heals and another deploys."""
    names = ("a", "b", "c")

    async def story(world: World) -> list[str]:
        struck = Faults(
            dies_at=point if kind == "dies" else None,
            sleeps_at=point if kind != "dies" else None,
            sleep_seconds=CUT_SECONDS - 5 if kind == "sleeps" else 0.0,
            after=after,
            at_that_call=trouble(cuts),
        )
        first = asyncio.ensure_future(deploy(world, world.driver("struck", struck)))
        if kind == "sleeps":
            await asyncio.sleep(12)
            await deploy(world, world.driver("meanwhile"))
        await first
        world.faults = Faults()
        await asyncio.sleep(CUT_SECONDS)
        await quiet(world)
        last = await deploy(world, world.driver("last"))
        return [] if last == "live" else [f"after everything healed, a deployment ended {last}"]

    world = play(names, story, faults=Faults(fails={fails: "sick"} if fails else {}))
    return check(world.history, names, quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", ["dies", "sleeps", "goes on"])
def test_struck_at_every_call_while_links_are_cut(kind: str, cut: str) -> None:
    for point in range(1, len(calls_of_a_clean_run(("a", "b", "c"))) + 1):
        assert broken_promises(point, kind, CUTS[cut], after=point % 2 == 0) == [], f"{kind} at call {point}, {cut}"
