"""Deployments that hold requests while data changes: whoever dies, nobody meets a release and data that are not its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.checker import check
from tests.simulation.deploying import Shape, deploy
from tests.simulation.story import Act, Story, tell, write
from tests.simulation.test_driver import play
from tests.simulation.world import Faults, World

HELD = Shape(held=True, task_seconds=1.0)


def calls_of_a_clean_run(names: tuple[str, ...]) -> list[str]:
    found: list[str] = []

    async def story(world: World) -> list[str]:
        driver = world.driver("second")
        assert await deploy(world, driver, shape=HELD) == "live"
        found.extend(driver.calls)
        return []

    world = play(names, story)
    assert check(world.history, names, quiet=True) == []
    assert world.data == 2
    return found


@pytest.mark.parametrize("names", [("a",), ("a", "b"), ("a", "b", "c")], ids=len)
@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
def test_killed_at_every_call_release_and_data_are_each_others_and_nobody_waits_for_ever(names: tuple[str, ...], after: bool) -> None:
    ends: set[int | None] = set()
    for point in range(1, len(calls_of_a_clean_run(names)) + 1):

        async def story(world: World, point: int = point) -> list[str]:
            return [await deploy(world, world.driver("killed", Faults(dies_at=point, after=after)), shape=HELD)]

        world = play(names, story)
        assert check(world.history, names, quiet=True) == [], f"killed at call {point}"
        ends.add(world.data)
    assert ends == {None, 2}, "what is never reached proves nothing"


@pytest.mark.parametrize("step", ["hold", "start", "switch", "prove"])
def test_a_step_that_fails_is_undone_with_its_data(step: str) -> None:
    names = ("a", "b", "c")

    async def story(world: World) -> list[str]:
        assert await deploy(world, world.driver("second"), shape=HELD) == "undone"
        return []

    world = play(names, story, faults=Faults(fails={f"c:{step}": "it broke"}))
    assert check(world.history, names, quiet=True) == []
    assert world.data is None


def test_a_driver_whose_lead_cannot_put_the_data_back_says_so_and_visitors_wait_until_it_can() -> None:
    names = ("a", "b")
    verdicts: list[str] = []

    async def story(world: World) -> list[str]:
        world.point_is_good = False
        verdicts.append(await deploy(world, world.driver("second"), shape=HELD))
        verdicts.append(await deploy(world, world.driver("third"), shape=Shape("resume")))
        assert [host.waiting for host in world.hosts.values()] == [True, True]
        world.point_is_good = True
        verdicts.append(await deploy(world, world.driver("fourth"), shape=Shape("resume")))
        return []

    world = play(names, story, faults=Faults(fails={"b:start": "it broke"}))
    assert verdicts == ["unsettled: unrestored", "unsettled: unrestored", "settled"]
    assert check(world.history, names, quiet=True) == []
    assert world.data is None


@pytest.mark.parametrize("host", ["a", "b"])
def test_a_host_that_falls_at_any_call_changes_nothing_of_that(host: str) -> None:
    names = ("a", "b")
    for point in range(1, len(calls_of_a_clean_run(names)) + 1):

        async def story(world: World, point: int = point) -> list[str]:
            def fall(world: World) -> None:
                world.hosts[host].fall()
                world.at(world.now() + 3.0, world.hosts[host].rise)

            faults = Faults(sleeps_at=point, sleep_seconds=0.0, at_that_call=fall)
            return [await deploy(world, world.driver("second", faults), shape=HELD)]

        world = play(names, story)
        assert check(world.history, names, quiet=True) == [], f"{host} falls at call {point}"


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 400, 40))
def test_stories_in_which_every_deployment_holds(first: int) -> None:
    for seed in range(first, first + 40):
        told = tell(_held(write(seed)))
        assert not told.broken, (seed, told.broken[:3])


def _held(story: Story) -> Story:
    """The same story, in which each deployment holds requests and changes the data; all hosts go together then."""

    def held(act: Act) -> Act:
        return replace(act, shape=replace(act.shape, held=True, batch_hosts=0)) if act.shape.kind == "deploy" else act

    return replace(story, acts=tuple(held(act) for act in story.acts))
