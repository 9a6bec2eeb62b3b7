"""Open channels and a deployment in, the rows of its hosts' journals out as they are written. Changes nothing, and needs no lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from shipway.execute.fleet import Fleet
from shipway.execute.let_go import let_go
from shipway.model.errors import HostError
from shipway_agent.record import dataclass, field

Rows = Sequence[Mapping[str, Any]]

WAIT_SECONDS = 2.0
"""How long a host may wait for something new before it answers."""

ANSWER_SECONDS = 10.0
"""Bound of an answer on top of that: a link that is dead and says nothing is noticed by then."""

RETRY_SECONDS = 1.0
PAGES = 100
"""Most answers that are read to catch up with one host: 20,000 rows."""


@dataclass
class Follower:
    """`progress` is each host's newest word on how far the deployment is, `silent` the error of each that cannot be heard now."""

    fleet: Fleet
    deployment: str
    progress: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    silent: dict[str, HostError] = field(default_factory=dict)
    _since: dict[str, int] = field(default_factory=dict)
    _behind: frozenset[str] = frozenset()
    """Hosts that have more rows than were read so far: nothing is over before they are told."""

    async def catch_up(self, hosts: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
        """All rows that the hosts have of the deployment so far, and whatever was written since."""

        async def one(host: str) -> list[Mapping[str, Any]]:
            found: list[Mapping[str, Any]] = []
            for _ in range(PAGES):
                rows, more = await self._ask(host, 0.0)
                found += rows
                if not more:
                    break
            return found

        outcomes = await self.fleet.each(one, hosts)
        self.silent.update(outcomes.errors)
        return outcomes.answers

    async def follow(self, hosts: Iterable[str], take: Callable[[str, Rows], None], over: Callable[[], bool]) -> None:
        """Give `take` each host's rows as they come, until `over`. It is given no rows when a host only moved in time, or went silent."""
        done = asyncio.Event()

        async def one(host: str) -> None:
            while True:
                rows: Rows = ()
                try:
                    rows, more = await self._ask(host, WAIT_SECONDS)
                    self._behind = self._behind | {host} if more else self._behind - {host}
                    self.silent.pop(host, None)
                except HostError as error:
                    self.silent[host] = error
                take(host, rows)
                if not self._behind and over():
                    done.set()
                if host in self.silent:
                    await asyncio.sleep(RETRY_SECONDS)

        tasks = [asyncio.ensure_future(one(host)) for host in hosts]
        finished = asyncio.ensure_future(done.wait())
        try:
            ended, _ = await asyncio.wait([finished, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            await let_go((finished, *tasks))

    async def _ask(self, host: str, wait_seconds: float) -> tuple[Rows, bool]:
        args = {"deployment": self.deployment, "since": self._since.get(host), "wait_seconds": wait_seconds}
        answer = await self.fleet.call(host, "follow", args, timeout_seconds=wait_seconds + ANSWER_SECONDS)
        rows, seq, progress = answer.get("events"), answer.get("seq"), answer.get("progress")
        if not isinstance(rows, list) or not isinstance(seq, int) or not isinstance(progress, Mapping):
            raise HostError(host, "facts", "the answer to 'follow' is not as it must be")
        self._since[host] = max(seq, self._since.get(host, 0))
        self.progress[host] = progress
        return [row for row in rows if isinstance(row, Mapping)], bool(answer.get("more"))
