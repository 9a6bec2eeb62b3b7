"""No wait on a host is without a bound, none that lasts is silent, and what is asked again has no more time than the first question had."""

from __future__ import annotations

import ast
import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec

import pytest

from shipway.execute import fleet as fleets
from shipway.execute import steps
from shipway.execute.decision import undo
from shipway.execute.fleet import TOLD_ELSEWHERE, WAITS, Fleet
from shipway.execute.lease import Claim, renewed
from shipway.execute.telling import Tell
from shipway.model.errors import HostRefused, LinkLost, Overdue
from shipway.model.event import Event
from shipway.model.intent import Host
from shipway.model.plan import Step
from shipway.transports.base import End, Transport
from shipway.transports.memory import Emit, MemoryTransport

SOURCE = Path(__file__).parents[2] / "src/shipway"
CLAIM = Claim("7-x", 7, "ann@laptop", "a", ("a", "b"), lease_seconds=0.3, confirm_seconds=0.2)

Answer = Callable[[str, dict[str, Any], Emit], Awaitable[dict[str, Any]]]


P = ParamSpec("P")


def on_a_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test that awaits, as one that pytest can call."""

    @functools.wraps(test)
    def run(*args: P.args, **more: P.kwargs) -> None:
        asyncio.run(test(*args, **more))

    return run


class Agent:
    """A host that answers as it is told, and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[str] = []
        self._answer = answer

    async def answer(self, name: str, args: dict[str, Any], body: bytes, emit: Emit) -> dict[str, Any]:
        self.asked.append(str(args.get("do", name)))
        return await self._answer(name, args, emit)


async def never(name: str, args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


async def well(name: str, args: dict[str, Any], emit: Emit) -> dict[str, Any]:
    return {"ok": True}


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(steps, "PATIENCE_SECONDS", 0.05)


def fleet_of(told: list[Event], **agents: Agent) -> Fleet:
    transport: Transport = MemoryTransport(agents)
    hosts = [Host(name, "memory") for name in agents]
    return Fleet(hosts, app="shop", environment="live", transport_for=lambda host: transport, tell=Tell(told.append, lambda: 0.0))


def waits(told: list[Event]) -> list[tuple[str, str]]:
    return [(event.host, event.data["what"]) for event in told if event.kind == "waiting"]


@on_a_loop
async def test_a_wait_that_lasts_is_told_with_what_is_left_of_its_bound(told: list[Event]) -> None:
    fleet = fleet_of(told, a=Agent(never))
    with pytest.raises(Overdue):
        await fleet.call("a", "look", timeout_seconds=0.3)
    assert waits(told) == [("a", "what is there")]
    assert told[0].data["bound_seconds"] == pytest.approx(0.25)


@on_a_loop
async def test_a_quick_answer_is_no_wait(told: list[Event]) -> None:
    await fleet_of(told, a=Agent(well)).call("a", "look")
    await asyncio.sleep(0.1)
    assert told == []


@on_a_loop
async def test_who_did_not_answer_in_time_is_not_asked_for_as_long_again(told: list[Event]) -> None:
    agent = Agent(never)
    with pytest.raises(Overdue):
        await fleet_of(told, a=agent).call("a", "look", timeout_seconds=0.1)
    assert agent.asked == ["look"]


@on_a_loop
async def test_a_link_that_breaks_is_told_and_opened_again_within_the_same_bound(told: list[Event]) -> None:
    broken = [True]

    async def once(name: str, args: dict[str, Any], emit: Emit) -> dict[str, Any]:
        if broken:
            broken.clear()
            raise LinkLost("a", "lost", "the link broke")
        return {"ok": True}

    agent = Agent(once)
    assert await fleet_of(told, a=agent).call("a", "look", timeout_seconds=10.0) == {"ok": True}
    assert agent.asked == ["look", "look"]
    assert [(event.kind, event.host) for event in told] == [("lost", "a"), ("connected", "a")]
    assert " s at most" in told[0].data["will"]


@on_a_loop
async def test_a_step_that_lasts_is_told_by_its_title_and_bound(told: list[Event]) -> None:
    async def run(name: str, args: dict[str, Any], emit: Emit) -> dict[str, Any]:
        emit({"event": "step", "key": "task:x", "state": "started"})
        await asyncio.sleep(0.2)
        emit({"event": "step", "key": "task:x", "state": "done"})
        await asyncio.sleep(0.1)
        return {"done": [], "failed": None}

    fleet = fleet_of(told, a=Agent(run))
    await steps.run(fleet, "a", CLAIM, [Step("task:x", "task.run", {}, "run x", 30.0)], Tell(told.append, lambda: 0.0))
    assert waits(told) == [("a", "run x to end")]
    assert next(event for event in told if event.kind == "waiting").data["bound_seconds"] == pytest.approx(45.0, abs=0.1)


@on_a_loop
async def test_a_host_that_is_silent_holds_up_no_renewal_of_another(told: list[Event]) -> None:
    enough = asyncio.Event()

    async def counted(name: str, args: dict[str, Any], emit: Emit) -> dict[str, Any]:
        if len(other.asked) == 4:
            enough.set()
        return {"ok": True}

    quiet, other = Agent(never), Agent(counted)
    fleet = fleet_of(told, a=quiet, b=other)
    await fleet.connect()
    async with renewed(fleet, CLAIM), asyncio.timeout(30):
        await enough.wait()
    assert set(other.asked) == set(quiet.asked) == {"renew"}


@on_a_loop
async def test_an_answer_that_is_behind_much_output_holds_up_no_next_renewal(told: list[Event]) -> None:
    """A lease is renewed when the renewal arrives. Its answer may take longer on a slow link than the lease lasts."""
    twice = asyncio.Event()

    async def late(name: str, args: dict[str, Any], emit: Emit) -> dict[str, Any]:
        if len(behind.asked) == 2:
            twice.set()
        return await never(name, args, emit)

    behind = Agent(late)
    fleet = fleet_of(told, a=behind)
    await fleet.connect()
    async with renewed(fleet, replace(CLAIM, lease_seconds=3.0)), asyncio.timeout(30):
        await twice.wait()
    assert behind.asked == ["renew", "renew"]


@on_a_loop
async def test_a_host_that_tells_events_without_end_is_named_and_not_listened_to(told: list[Event]) -> None:
    async def run(name: str, args: dict[str, Any], emit: Emit) -> dict[str, Any]:
        for _ in range(2 * steps.MOST_EVENTS):
            emit({"event": "step", "key": "task:x", "state": "started"})
        return {"done": [], "failed": None}

    with pytest.raises(HostRefused, match="it tells more than 10,000 events of 1 steps") as caught:
        fleet = fleet_of(told, a=Agent(run))
        await steps.run(fleet, "a", CLAIM, [Step("task:x", "task.run", {}, "run x", 30.0)], Tell(told.append, lambda: 0.0))
    assert caught.value.host == "a"
    assert len(told) <= steps.MOST_EVENTS


@on_a_loop
async def test_the_lead_is_asked_no_longer_than_the_bound_says(told: list[Event]) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    ending = await undo(fleet_of(told, a=Agent(never), b=Agent(well)), CLAIM, Tell(told.append, lambda: 0.0), 0.5)
    assert ending.decision is None and list(ending.silent) == ["a"]
    assert 0.5 <= loop.time() - began < 10


def test_every_question_to_a_host_has_words_for_its_wait_or_tells_it_itself() -> None:
    """Whoever asks a host something new must say what a person waits for."""
    asked = {
        node.args[1].value
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "call"
        if len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
    }
    assert asked == WAITS.keys() | TOLD_ELSEWHERE


def test_hosts_are_only_asked_where_a_bound_is_kept() -> None:
    """Fleet is the one who holds channels: all waits of the other stages go through it."""
    holders = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if "transports" not in path.parts and "channel.call(" in path.read_text(encoding="utf-8")
    }
    assert holders == {"execute/fleet.py"}


class Slow(MemoryTransport):
    """Its logins take their time to end."""

    def __init__(self, agents: dict[str, Agent]) -> None:
        super().__init__(agents)
        self.may_end = asyncio.Event()
        self.ended = 0

    async def log_in(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> End:
        rest = await super().log_in(host, app=app, environment=environment, timeout_seconds=timeout_seconds)

        async def end() -> None:
            await self.may_end.wait()
            await rest
            self.ended += 1

        return end()


@on_a_loop
async def test_a_new_login_is_proved_before_it_has_ended_and_nothing_is_left_of_it_behind_the_fleet(told: list[Event]) -> None:
    transport = Slow({"a": Agent(well)})
    async with Fleet([Host("a", "memory")], app="shop", environment="live", transport_for=lambda host: transport) as fleet:
        await asyncio.wait_for(fleet.login("a"), 30)
        assert (transport.ended, fleet.wire("a").logins) == (0, 1)
        transport.may_end.set()
    assert transport.ended == 1


@on_a_loop
async def test_exchanges_are_counted_by_phase_and_a_renewal_is_none(told: list[Event]) -> None:
    fleet = fleet_of(told, a=Agent(well), b=Agent(well))
    await fleet.call("a", "look")
    fleet.phase = "switch"
    await fleet.call("a", "run", {"steps": []})
    await fleet.call("a", "decide", {"do": "renew"})
    await fleet.call("a", "decide", {"do": "commit"})
    assert (fleet.wire("a").logins, fleet.wire("a").exchanges) == (1, {"begin": 1, "switch": 2})
    assert fleet.wire("b").exchanges == {}
