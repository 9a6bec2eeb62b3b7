"""Hosts without machines: an object that answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest

from shipway.model.errors import HostRefused, LinkLost, Overdue, Unreachable
from shipway.model.intent import Host
from shipway.transports.base import Channel
from shipway.transports.memory import Emit, MemoryTransport
from shipway_agent.errors import AgentError

HOST = Host("a", "deploy@a.example")


class Agent:
    """Answers as it is told."""

    def answer(self, name: str, args: dict[str, Any], body: bytes, emit: Emit) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        emit({"event": "output", "line": name})
        if name == "refuse":
            raise AgentError("disk-full", "/srv: no space is left", ["last line"], path="/srv")
        if name == "break":
            raise LinkLost("a", "lost", "the link broke")
        if name == "hang":
            return self._hang()
        return {"args": args, "body": len(body)}

    async def _hang(self) -> dict[str, Any]:
        await asyncio.sleep(600)
        return {}


def call(name: str, **more: Any) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        channel: Channel = await MemoryTransport({"a": Agent()}).open(HOST, app="shop", environment="test")
        return await channel.call(name, {"n": 1}, **more)

    return asyncio.run(run())


def test_it_answers_hears_bodies_and_emits_events() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"de"

    seen: list[Any] = []
    assert call("put", body=body(), on_event=seen.append) == {"args": {"n": 1}, "body": 5}
    assert seen == [{"event": "output", "line": "put"}]


def test_an_agent_error_arrives_as_the_host_s_refusal() -> None:
    with pytest.raises(HostRefused) as caught:
        call("refuse")
    error = caught.value
    assert (error.host, error.code, error.message, error.lines, error.facts) == (
        "a",
        "disk-full",
        "/srv: no space is left",
        ("last line",),
        {"path": "/srv"},
    )


def test_errors_of_a_channel_pass_through() -> None:
    with pytest.raises(LinkLost):
        call("break")


def test_a_hanging_answer_is_overdue() -> None:
    with pytest.raises(Overdue):
        call("hang", timeout_seconds=0.1)


def test_a_host_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        asyncio.run(MemoryTransport({}).open(HOST, app="shop", environment="test"))


def test_a_closed_channel_answers_no_more() -> None:
    async def run() -> None:
        channel = await MemoryTransport({"a": Agent()}).open(HOST, app="shop", environment="test")
        await channel.call("look")
        assert channel.bytes_sent > 0
        await channel.close()
        with pytest.raises(LinkLost):
            await channel.call("look")

    asyncio.run(run())
