"""A root on this machine: the same agent in a child process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from shipway.model.errors import HostRefused, Unreachable
from shipway.model.intent import Host
from shipway.release.parcels import Content, parcels
from shipway.transports import transport_for
from shipway.transports.base import Channel
from shipway_agent.manifest import digest
from shipway_agent.parcel import RECORD, name_of
from tests.agent.workshop import DEPLOYMENT, NUMBER, step, task, workshop
from tests.transports import agents

T = TypeVar("T")


def over(root: Path, talk: Callable[[Channel], Awaitable[T]]) -> T:
    host = Host("a", "local", root=str(root))

    async def run() -> T:
        channel = await transport_for(host).open(host, app="shop", environment="local", timeout_seconds=30.0)
        try:
            return await talk(channel)
        finally:
            await channel.close()

    return asyncio.run(run())


def test_it_answers_for_its_root_with_this_python(tmp_path: Path) -> None:
    hello = over(tmp_path / "a", lambda channel: channel.call("hello"))
    assert hello["root"] == str(tmp_path / "a")
    assert hello["uid"] == os.geteuid()


def test_a_local_host_without_a_root_is_refused() -> None:
    host = Host("a", "local")
    with pytest.raises(Unreachable, match="needs a root"):
        asyncio.run(transport_for(host).open(host, app="shop", environment="local"))


def test_the_operator_s_environment_stays_with_the_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_THE_OPERATOR", "canary")

    async def environment(channel: Channel) -> bytes:
        await channel.call("fresh")
        return Path(f"/proc/{agents.serving(tmp_path / 'a')}/environ").read_bytes()

    found = over(tmp_path / "a", environment)
    assert b"canary" not in found
    assert b"PATH=" in found


def test_blobs_travel_and_bytes_are_counted(tmp_path: Path) -> None:
    content = os.urandom(2_000_000)
    made = list(parcels([Content(digest(content), False, content)]))

    async def body() -> AsyncIterator[bytes]:
        for data in made:
            yield RECORD.pack(bytes.fromhex(name_of(data)), len(data)) + data

    async def talk(channel: Channel) -> tuple[dict[str, Any], int]:
        before = channel.bytes_sent
        return await channel.call("parcels", {"count": 1, "size": len(content)}, body=body()), channel.bytes_sent - before

    answer, sent = over(tmp_path / "a", talk)
    assert answer == {"stored": 1, "lacking": []}
    assert len(content) < sent < len(content) + 2000


def test_a_refusal_of_the_agent_comes_back_with_its_code(tmp_path: Path) -> None:
    with pytest.raises(HostRefused) as caught:
        over(tmp_path / "a", lambda channel: channel.call("decide", {"do": "guess"}))
    assert caught.value.code == "message"


def test_a_step_streams_its_output_and_answers(tmp_path: Path) -> None:
    root = tmp_path / "a"
    with workshop(root):
        pass
    seen: list[Any] = []
    steps = {"deployment": DEPLOYMENT, "fence": NUMBER, "steps": [step("task:t", "task.run", task("echo one; echo two"))]}
    answer = over(root, lambda channel: channel.call("run", steps, on_event=seen.append))
    assert answer["done"][0]["answer"]["lines"] == ["one", "two"]
    assert [e.get("line", e.get("state")) for e in seen] == ["started", "one", "two", "done"]


def test_a_closed_channel_leaves_the_agent_to_finish_its_step(tmp_path: Path) -> None:
    root = tmp_path / "a"
    with workshop(root):
        pass
    slow = step("task:t", "task.run", task(f"touch {root}/begun; sleep 3; touch {root}/whole"))

    async def talk(channel: Channel) -> int:
        running = asyncio.ensure_future(channel.call("run", {"deployment": DEPLOYMENT, "fence": NUMBER, "steps": [slow]}))
        await asyncio.to_thread(agents.wait_for, root / "begun")
        running.cancel()
        return agents.serving(root)

    pid = over(root, talk)
    assert agents.is_gone(pid)
    assert (root / "whole").exists()
    assert over(root, lambda channel: channel.call("hello"))["host"] == "a"
    assert not Path(f"/proc/{pid}").exists(), "the end of an agent that outlived its channel is taken note of"


def test_ctrl_c_at_the_terminal_does_not_reach_the_agent(tmp_path: Path) -> None:
    async def talk(channel: Channel) -> dict[str, Any]:
        await channel.call("fresh")
        pid = agents.serving(tmp_path / "a")
        assert os.getpgid(pid) != os.getpgid(0)
        assert os.getsid(pid) != os.getsid(0)
        os.kill(pid, signal.SIGHUP)
        return await channel.call("fresh")

    assert over(tmp_path / "a", talk)["host"] == "a"


def test_three_roots_are_three_hosts(tmp_path: Path) -> None:
    async def run() -> list[str]:
        hosts = [Host(name, "local", root=str(tmp_path / name)) for name in "abc"]
        channels = await asyncio.gather(
            *(transport_for(host).open(host, app="shop", environment="local", timeout_seconds=30.0) for host in hosts)
        )
        answers = await asyncio.gather(*(channel.call("hello") for channel in channels))
        await asyncio.gather(*(channel.close() for channel in channels))
        return [f"{answer['host']} {Path(answer['root']).name}" for answer in answers]

    assert asyncio.run(run()) == ["a a", "b b", "c c"]
