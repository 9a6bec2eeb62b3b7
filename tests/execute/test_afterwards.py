"""What comes behind a commit comes when nothing of the release before runs on any host, and is left out, and said, where something does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from shipway.execute.afterwards import Afterwards, run_afterwards
from shipway.execute.fleet import Fleet
from shipway.execute.lease import Claim
from shipway.execute.telling import Tell
from shipway.model.intent import Host
from shipway.model.plan import Plan, Step
from shipway.transports.memory import Emit, MemoryTransport
from shipway_agent.errors import AgentError

NEW = {"generation": 2, "name": "web", "instance": 1, "state": "up"}
OLD = {"generation": 1, "name": "web", "instance": 1, "state": "draining"}
CRASHED = {"generation": 1, "name": "worker", "instance": 1, "state": "crashed"}


class Agent:
    """Answers each look with the next of these, the last one for ever; notes which steps it ran."""

    def __init__(self, *looks: Sequence[dict[str, Any]], jobs: Sequence[dict[str, Any]] = (), fails: bool = False) -> None:
        self._looks = [list(rows) for rows in looks]
        self._jobs = list(jobs)
        self._fails = fails
        self.ran: list[str] = []
        self.looked = 0

    def answer(self, name: str, args: dict[str, Any], body: bytes, emit: Emit) -> dict[str, Any]:
        if name == "look":
            self.looked += 1
            rows = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
            return {"processes": rows, "jobs": self._jobs}
        assert (name, args["decided"]) == ("run", True)
        keys = [str(step["key"]) for step in args["steps"]]
        if self._fails:
            raise AgentError("migration-failed", "0004_drop failed", migration="0004_drop")
        self.ran += keys
        return {"done": [{"key": key, "answer": {}} for key in keys], "failed": None}


def after(agents: dict[str, Agent], *, seconds: float) -> Afterwards:
    steps = {"a": (Step("migrate:contract", "migrations.run"),)}
    plan = Plan("deploy", "shop", "production", "d" * 64, 2, "a", tuple(agents), (), after=steps, gone_seconds=seconds)
    hosts = [Host(name, "local") for name in agents]

    async def done() -> Afterwards:
        fleet = Fleet(hosts, app="shop", environment="production", transport_for=lambda host: MemoryTransport(agents))
        async with fleet:
            claim = Claim("2-x", 2, "ann@laptop", "a", tuple(agents), lease_seconds=30.0, confirm_seconds=60.0)
            return await run_afterwards(fleet, claim, plan, Tell(lambda event: None, lambda: 0.0))

    return asyncio.run(done())


def test_it_waits_until_the_last_host_is_rid_of_the_release_before() -> None:
    agents = {"a": Agent([NEW]), "b": Agent([NEW, OLD], [NEW, OLD], [NEW, CRASHED])}
    assert after(agents, seconds=30.0) == Afterwards()
    assert agents["a"].ran == ["migrate:contract"] and agents["b"].ran == []
    assert agents["b"].looked == 3


def test_what_does_not_end_in_time_is_named_and_nothing_is_run() -> None:
    agents = {"a": Agent([NEW]), "b": Agent([NEW, OLD])}
    assert after(agents, seconds=0.0).waits == "web.1 of generation 1 on b"
    assert agents["a"].ran == []


def test_a_job_of_the_release_before_is_waited_for_too() -> None:
    jobs: list[dict[str, Any]] = [{"name": "nightly", "running": {"generation": 1}}, {"name": "hourly", "running": None}]
    assert after({"a": Agent([NEW], jobs=jobs)}, seconds=0.0).waits == "job nightly of generation 1 on a"


def test_a_host_that_says_no_is_told_with_its_reason() -> None:
    error = after({"a": Agent([NEW], fails=True)}, seconds=0.0).error
    assert error is not None and error.code == "migration-failed" and error.facts["migration"] == "0004_drop"
