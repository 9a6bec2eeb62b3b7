"""Two drivers of unlike members meet in the middle of each other's leases: one of them wins, whoever was first at which host."""

from __future__ import annotations

import asyncio

from tests.simulation.checker import check
from tests.simulation.deploying import deploy
from tests.simulation.test_driver import play
from tests.simulation.world import World

NAMES = ("a", "b", "c", "d")
WON = {"live", "behind"}
MEETINGS = 24


def test_whoever_leases_all_at_once_and_whoever_leaves_out_the_lead_never_both_go_away_with_nothing() -> None:
    """One is of a, b, c and d, the other leaves a out: each may get a part that the other waits for."""
    circles = 0
    for meeting in range(MEETINGS):
        calls: list[list[str]] = []

        async def story(world: World, meeting: int = meeting, calls: list[list[str]] = calls) -> list[str]:
            whole, part = world.driver("whole"), world.driver("part")

            async def later(seconds: float) -> str:
                await asyncio.sleep(seconds)
                return await deploy(world, part, without=("a",))

            verdicts = await asyncio.gather(deploy(world, whole), later(meeting * 0.01))
            calls += [whole.calls, part.calls]
            return [*verdicts, await deploy(world, world.driver("plain"))]

        world = play(NAMES, story, seed=meeting)
        said = {line.data["driver"]: line.data["verdict"] for line in world.history if line.what == "ended"}
        assert WON & {said["whole"], said["part"]}, f"meeting {meeting}: {said}"
        assert {said["whole"], said["part"]} <= {*WON, "refused: lease-held", "refused: lease-raced"}, f"meeting {meeting}: {said}"
        assert said["plain"] == "live", f"meeting {meeting}: {said}"
        assert check(world.history, NAMES, quiet=True) == [], f"meeting {meeting}: {said}"
        circles += all(gave_back_before_it_began(one) for one in calls)
    print(f"\n{circles} of {MEETINGS} times both gave back what they had")
    assert circles > 0, "they never met in the middle"


def gave_back_before_it_began(calls: list[str]) -> bool:
    begins = calls.index("run:") if "run:" in calls else len(calls)
    return "decide:finish" in calls[:begins]
