"""A host's journal is read from where the ledger ends, and anew where the host is another machine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from shipway.execute.fleet import Fleet
from shipway.flows import memory
from shipway.ledger.store import Ledger
from shipway.model.intent import Host
from shipway.transports.memory import Emit, MemoryTransport


class Agent:
    """A host with a journal of `count` events, which remembers from where it was read."""

    def __init__(self, count: int, began: float) -> None:
        self.asked: list[int] = []
        self.grow(count, began)

    def grow(self, count: int, began: float) -> None:
        self.journal = [{"seq": n, "at": began + n, "deployment": "1-x", "kind": "note", "data": {}} for n in range(1, count + 1)]

    async def answer(self, name: str, args: dict[str, Any], body: bytes, emit: Emit) -> dict[str, Any]:
        self.asked.append(args["since"])
        return {"events": [event for event in self.journal if event["seq"] > args["since"]][: memory.AT_A_TIME]}


def read(agent: Agent, ledger: Ledger) -> list[int]:
    """The numbers of the events that were read; the ledger learns them."""
    transport = MemoryTransport({"a": agent})
    fleet = Fleet([Host("a", "memory")], app="shop", environment="live", transport_for=lambda host: transport)
    events = asyncio.run(memory._journal(fleet, "a", ledger.newest("live", "a")))
    ledger.learn("live", "a", events)
    return [int(str(event["seq"])) for event in events]


def test_only_what_is_new_travels_and_another_machine_is_read_from_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "AT_A_TIME", 10)
    agent = Agent(25, 1000.0)
    with Ledger(tmp_path) as ledger:
        assert read(agent, ledger) == list(range(1, 26))
        assert agent.asked == [0, 10, 20]
        agent.grow(38, 1000.0)
        assert read(agent, ledger) == list(range(25, 39))
        longer, shorter = Agent(40, 5000.0), Agent(3, 9000.0)
        assert read(longer, ledger) == list(range(1, 41))
        assert read(shorter, ledger) == [1, 2, 3]
        assert (longer.asked[:2], shorter.asked) == ([37, 0], [39, 0])
        assert read(shorter, ledger) == [3]
