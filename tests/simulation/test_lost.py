"""The lead is written off while a deployment is open: the others decide, whoever dies on the way, and it follows them when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from shipway.execute import ask, lease
from shipway.execute.ask import Facts
from shipway.execute.fleet import Fleet
from shipway.execute.lease import Claim
from shipway.execute.telling import Tell
from shipway.flows import begin
from shipway.flows.begin import hold
from shipway.flows.reading import read
from shipway.flows.records import recorded, unsettled
from shipway.model.errors import ShipwayError
from shipway.model.event import Event
from shipway.model.intent import Environment, Host
from shipway_agent import decide
from shipway_agent.decide import Member, Outcome
from shipway_agent.watchdog import About
from tests.simulation.deploying import CONFIRM_SECONDS, LEASE_SECONDS, WATCH_SECONDS, deploy
from tests.simulation.terms import check_terms
from tests.simulation.test_driver import calls_of_a_clean_run, play
from tests.simulation.world import Died, Driver, Faults, World

pytestmark = pytest.mark.slow

NAMES = ("a", "b", "c")
CALLS = calls_of_a_clean_run(NAMES)
SWITCHING = next(i for i, call in enumerate(CALLS, 1) if call == "run:" and "decide:commit" not in CALLS[:i]) + len(NAMES)
"""From about here on the driver's death leaves an intent on some host."""

COMMITTED_ALONE = CALLS.index("decide:commit") + 1
"""Behind this call the lead has committed, and nobody else has heard of it."""

SETTLING_SECONDS = 45.0
"""Every deadline, and the first two times that a host asks who may know more."""


async def abort(world: World, driver: Driver, lost: tuple[str, ...]) -> str:
    """`abort --lost` to its end: settled, unchanged, or the code of the refusal; `died` when it was killed."""
    try:
        verdict = await _abort(world, driver, lost)
    except Died:
        verdict = "died"
    world.note("aborted", driver=driver.name, verdict=verdict)
    return verdict


async def _abort(world: World, driver: Driver, lost: tuple[str, ...]) -> str:
    environment = Environment(
        name="production",
        hosts=tuple(Host(name=name, address="simulated") for name in world.hosts if name not in lost),
        lease_seconds=LEASE_SECONDS,
        confirm_seconds=CONFIRM_SECONDS,
        watch_seconds=WATCH_SECONDS,
    )

    def on_event(event: Event) -> None:
        world.note(f"abort: {event.kind}", event.host, **dict(event.data))

    tell = Tell(on_event, asyncio.get_running_loop().time)
    fleet = Fleet(environment.hosts, app="shop", environment="production", transport_for=lambda host: driver)
    try:
        async with fleet:
            facts = await read(fleet)
            if not unsettled(facts):
                return "unchanged"
            async with hold(fleet, environment, facts, tell, lambda number, deployment: {"number": number}, lost):
                return "settled"
    except ShipwayError as error:
        return error.code


def loses(world: World, how: str) -> None:
    """The lead is gone: it stands still, or nobody but its own members reaches it, or nobody at all."""
    if how == "falls":
        world.hosts["a"].fall()
    world.cut("operator", "a")
    if how == "cut off":
        world.cut("a", "b")
        world.cut("a", "c")
    if how == "reached by c alone":
        world.cut("a", "b")
        world.cut("b", "c")


def returns(world: World) -> None:
    world.heal()
    if not world.hosts["a"].up:
        world.hosts["a"].rise()


def play_lost(
    seed: int, point: int, how: str, *, faults: Faults = Faults(), again: bool = False, back: str = "later"
) -> tuple[World, list[str]]:
    """One story: the driver dies behind its call `point` and the lead is gone; it is written off, with `faults` of the abort; it returns.

    `again`: a second abort finishes what the first one began. `back`: the lead returns *early*, while the abort is at it, or *later*.
    """
    said: list[str] = []

    async def story(world: World) -> list[str]:
        struck = Faults(dies_at=point, after=True, at_that_call=lambda world: loses(world, how))
        await deploy(world, world.driver("killed", struck))
        await asyncio.sleep(0.0 if faults.sleeps_at else world.random.uniform(0.0, 8.0))
        if back == "early":
            asyncio.get_running_loop().call_later(world.random.uniform(0.0, 4.0), returns, world)
        said.append(await abort(world, world.driver("abort", faults), ("a",)))
        await asyncio.sleep(world.random.uniform(0.0, 8.0))
        if again:
            said.append(await abort(world, world.driver("second", Faults()), ("a",)))
        if back == "later":
            returns(world)
        await asyncio.sleep(SETTLING_SECONDS)
        if said[-1] in ("settled", "unchanged"):
            world.note("settles")
        said.append(await deploy(world, world.driver("plain", Faults())))
        world.note("settles")
        return said

    return play(NAMES, story, seed=seed), said


def broken(seed: int, point: int, how: str, **more: Any) -> list[str]:
    """What a story breaks, with the verdict of the deployment that needs no force behind it all."""
    world, said = play_lost(seed, point, how, **more)
    found = check_terms(world.history, NAMES, lost=("a",))
    return found if said[-1] == "live" else [*found, f"after everything healed, a deployment ended {said[-1]}"]


@pytest.mark.parametrize("how", ["falls", "cut off", "out of the operator's reach"])
def test_written_off_at_any_moment_of_a_deployment_the_lead_follows_when_it_is_back(how: str) -> None:
    for point in range(SWITCHING, len(CALLS) + 1):
        back = "early" if point // 2 % 2 else "later"
        assert broken(point, point, how, back=back) == [], f"killed at call {point}, {CALLS[point - 1]}"


@pytest.mark.parametrize("again", [False, True], ids=["then the lead returns", "then a second abort"])
def test_an_abort_that_dies_at_any_of_its_calls_leaves_nothing_that_the_next_command_does_not_settle(again: bool) -> None:
    reached: set[str] = set()
    undecided, committed = COMMITTED_ALONE - 1, COMMITTED_ALONE
    for dies_at in range(1, 26):
        for point, after in ((undecided, again), (committed, not again)):
            world, said = play_lost(7, point, "falls", faults=Faults(dies_at=dies_at, after=after), again=again)
            assert check_terms(world.history, NAMES, lost=("a",)) == [], f"killed at {point}, the abort at {dies_at}: {said}"
            assert said[-1] == "live", f"killed at {point}, the abort at {dies_at}: {said}"
            assert not again or said[1] in ("settled", "unchanged"), said
            reached.update(line.data["call"] for line in world.history if line.what == "driver died" and line.data["driver"] == "abort")
    assert {"open:", "look:", "decide:lease", "decide:undo", "decide:tell", "run:", "decide:finish"} <= reached


def test_an_abort_that_sleeps_at_any_of_its_calls_while_one_member_reaches_the_lead_decides_once() -> None:
    for sleeps_at in range(1, 28):
        assert broken(sleeps_at, COMMITTED_ALONE, "reached by c alone", faults=Faults(sleeps_at=sleeps_at, sleep_seconds=6.0)) == []


def _takes_any_answer(patch: pytest.MonkeyPatch) -> None:
    tell = decide.RULES["tell"]

    def any_term(member: Member, message: Any, now: float) -> Outcome:
        return tell(member, {**message, "term": max(int(message["term"]), member.term)} if message.get("answer") else message, now)

    patch.setitem(decide.RULES, "tell", any_term)
    patch.setattr(About, "least_term", lambda self, member: 0)


def _fences_nobody_else(patch: pytest.MonkeyPatch) -> None:
    take = lease.take

    async def only_the_first(fleet: Fleet, claim: Claim, tell: Tell, *, in_order: bool = False) -> dict[str, Facts]:
        if not claim.lost:
            return await take(fleet, claim, tell, in_order=in_order)
        await lease._take_one(fleet, fleet.names[0], claim, claim.members, tell)
        return (await ask.look(fleet)).answers

    patch.setattr(lease, "take", only_the_first)


def _asks_nobody_what_is_committed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(begin, "recorded", lambda facts, deployment: None if "a" not in facts else recorded(facts, deployment))


MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a fenced host takes an answer of a lower term": _takes_any_answer,
    "only the new lead is fenced": _fences_nobody_else,
    "a survivor's committed is not looked for": _asks_nobody_what_is_committed,
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_checker_catches_a_planted_bug(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[mutant](monkeypatch)
    sleeps = (Faults(sleeps_at=number, sleep_seconds=6.0) for number in range(8, 26))
    assert any(
        broken(seed, point, "reached by c alone", faults=faults)
        for faults in sleeps
        for seed, point in enumerate((COMMITTED_ALONE, COMMITTED_ALONE + 1, COMMITTED_ALONE + 2))
    ), f"nobody noticed: {mutant}"
