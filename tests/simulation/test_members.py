"""A member dies with the driver, at each of its calls: others go on without it, it comes back as it was or bare, and all agree again."""

from __future__ import annotations

import asyncio

import pytest

from shipway_agent.states import COMMITTED, DECISIONS
from tests.simulation.checker import check
from tests.simulation.deploying import deploy
from tests.simulation.test_driver import calls_of_a_clean_run, play
from tests.simulation.world import Faults, World

pytestmark = pytest.mark.slow

NAMES = ("a", "b", "c")
CALLS = calls_of_a_clean_run(NAMES)


def recorded(world: World, besides: str) -> set[tuple[str, str]]:
    """The decisions that the hosts have on record, except one host."""
    others = [host for host in world.hosts.values() if host.name != besides]
    return {(a.deployment, a.stage) for host in others for a in host.member.attempts if a.stage in DECISIONS}


@pytest.mark.parametrize("victim", ["a", "c"], ids=["the lead", "another member"])
def test_others_go_on_without_it_and_it_is_brought_up_to_date_when_it_is_back(victim: str) -> None:
    verdicts: list[str] = []
    for point in range(1, len(CALLS) + 1):

        async def story(world: World, point: int = point) -> list[str]:
            host = world.hosts[victim]
            faults = Faults(dies_at=point, after=point % 2 == 0, at_that_call=lambda world: host.fall())
            await deploy(world, world.driver("killed", faults))
            if not host.up:
                await asyncio.sleep(world.random.uniform(0.0, 20.0))
                verdicts.append(await deploy(world, world.driver("fix"), without=(victim,)))
                host.rise()
                await asyncio.sleep(world.random.uniform(0.0, 20.0))
            committed = {deployment.split("-")[0] for deployment, stage in recorded(world, "") if stage == COMMITTED}
            assert host.serving is None or str(host.serving) in committed, "back again, it serves nothing that was never decided"
            return [await deploy(world, world.driver("plain"))]

        world = play(NAMES, story, seed=point)
        said = {line.data["driver"]: line.data["verdict"] for line in world.history if line.what == "ended"}
        assert said["plain"] == "live", f"killed at call {point}, {CALLS[point - 1]}: {said}"
        assert check(world.history, NAMES, quiet=True) == [], f"killed at call {point}, {CALLS[point - 1]}: {said}"
    assert verdicts.count("behind") > len(CALLS) / 3
    # Nobody but the lead may decide what had an intent; a host that is none stops nobody.
    assert ("refused: lead-missing" in verdicts) == (victim == "a")
    assert set(verdicts) <= {"behind", "refused: lead-missing"}


@pytest.mark.parametrize("victim", ["a", "c"], ids=["the lead", "another member"])
def test_a_bare_machine_in_its_place_becomes_a_whole_host_and_undoes_nothing_that_a_member_has_on_record(victim: str) -> None:
    followed = 0
    for point in range(1, len(CALLS) + 1):
        known: set[tuple[str, str]] = set()

        async def story(world: World, point: int = point, known: set[tuple[str, str]] = known) -> list[str]:
            host = world.hosts[victim]
            faults = Faults(dies_at=point, after=point % 2 == 0, at_that_call=lambda world: host.fall())
            await deploy(world, world.driver("killed", faults))
            if not host.up:
                host.lose_disk()
                host.rise()
            known |= recorded(world, victim)
            return [await deploy(world, world.driver("next"))]

        world = play(NAMES, story, seed=point)
        said = {line.data["driver"]: line.data["verdict"] for line in world.history if line.what == "ended"}
        where = f"killed at call {point}, {CALLS[point - 1]}: {said}"
        assert said["next"] == "live", where
        assert known <= recorded(world, victim), where
        assert {host.link for host in world.hosts.values()} == {max(host.member.fence for host in world.hosts.values())}, where
        # What only the disk that is gone had on record is lost with it: then, and only then, the next driver may decide otherwise.
        lost = [f"{deployment} was decided both ways" for deployment in _decided(world) - {deployment for deployment, _ in known}]
        assert [broken for broken in check(world.history, NAMES, quiet=True) if broken not in lost] == [], where
        followed += ("2", COMMITTED) in {(deployment.split("-")[0], stage) for deployment, stage in known}
    assert followed > 0, "the lead died after a member had its decision"


def _decided(world: World) -> set[str]:
    return {str(line.data["deployment"]) for line in world.history if line.data.get("decision") and line.data.get("deployment")}
