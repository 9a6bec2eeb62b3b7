"""Logins and the first look run beside whatever else the operator does, and every channel is closed in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from shipway.flows.approach import Approach
from shipway.model.errors import Refused, Unreachable
from shipway.model.intent import Environment, Host, Intent, Shipment
from shipway.transports.base import Channel, End
from shipway.transports.memory import Emit, MemoryTransport

BOUND_SECONDS = 30.0


class Lines:
    """Two hosts: `slow` is reached when the test says so, or never."""

    def __init__(self, *, never: bool = False) -> None:
        self.asked: list[str] = []
        self.closed: list[str] = []
        self.let_in, self.looked_at = asyncio.Event(), asyncio.Event()
        self.never = never

    def agent(self, name: str) -> Any:
        lines = self

        class Agent:
            async def answer(self, call: str, args: dict[str, Any], body: bytes, emit: Emit) -> dict[str, Any]:
                lines.asked.append(name)
                lines.looked_at.set()
                return {"of": name, "member": {"attempts": []}}

        return Agent()

    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> Channel:
        if host.name == "slow":
            await self.let_in.wait()
            if self.never:
                raise Unreachable("slow", "unreachable", "nobody answers")
        channel = await MemoryTransport({host.name: self.agent(host.name)}).open(host, app=app, environment=environment)
        close = channel.close

        async def noted() -> None:
            self.closed.append(host.name)
            await close()

        channel.close = noted  # type: ignore[method-assign]  # this very channel, and no other
        return channel

    async def log_in(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> End:
        raise AssertionError("nobody logs in a second time")


@pytest.fixture
def approached(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Lines, Approach], Coroutine[Any, Any, None]], bool], Lines]:
    def run(test: Callable[[Lines, Approach], Coroutine[Any, Any, None]], never: bool = False) -> Lines:
        async def inside() -> Lines:
            lines = Lines(never=never)
            monkeypatch.setattr("shipway.flows.reach.transports", lambda count, leave: lambda host: lines)
            async with Approach(lambda kind, **data: None, may_leave_out=True) as approach:
                await test(lines, approach)
            return lines

        return asyncio.run(asyncio.wait_for(inside(), BOUND_SECONDS))

    return run


INTENT = Intent("shop", ".", Environment("live", (Host("quick", "quick"), Host("slow", "slow"))), Shipment("shop"))


def test_a_host_is_looked_at_as_soon_as_it_is_reached(approached: Any) -> None:
    async def work(lines: Lines, approach: Approach) -> None:
        fleet = approach.begin(INTENT)
        await lines.looked_at.wait()
        assert (fleet.reached, lines.asked) == (("quick",), ["quick"]), "nobody has asked for facts, and nobody waits for the slowest login"
        lines.let_in.set()
        facts = await approach.facts()
        assert {name: fact["of"] for name, fact in facts.items()} == {"quick": "quick", "slow": "slow"}
        assert approach.begin(INTENT) is fleet

    assert sorted(approached(work).closed) == ["quick", "slow"]


def test_what_is_not_asked_for_is_closed_all_the_same(approached: Any) -> None:
    async def work(lines: Lines, approach: Approach) -> None:
        approach.begin(INTENT)
        await lines.looked_at.wait()

    assert approached(work).closed == ["quick"]


def test_a_host_that_is_not_reached_is_named_when_it_is_needed(approached: Any) -> None:
    async def work(lines: Lines, approach: Approach) -> None:
        approach.begin(INTENT)
        lines.let_in.set()
        with pytest.raises(Refused, match="slow: nobody answers") as refused:
            await approach.facts()
        assert "--without slow" in refused.value.hint

    approached(work, never=True)
