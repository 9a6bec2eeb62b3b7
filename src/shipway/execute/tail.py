"""Open channels and a question in, the lines of processes on their hosts out: the last ones, then each as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from shipway.execute.fleet import Fleet, Outcomes
from shipway.execute.follow import ANSWER_SECONDS, RETRY_SECONDS, WAIT_SECONDS
from shipway.model.errors import HostError
from shipway_agent.record import dataclass, field


@dataclass(frozen=True, slots=True)
class Log:
    """New lines of one copy's log; `instance` is None for what is no process. `left_out`: more was written than could be read."""

    process: str
    instance: int | None
    lines: tuple[str, ...]
    left_out: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What one host answered: of which generation (None where nothing serves), and the names that have a log there."""

    generation: int | None
    known: tuple[str, ...]
    logs: tuple[Log, ...]


@dataclass
class Tail:
    """`processes` are names, none means all of the application; `generation` is None for what serves, at each moment."""

    fleet: Fleet
    processes: Sequence[str] = ()
    generation: int | None = None
    _since: dict[str, dict[str, int]] = field(default_factory=dict)

    async def last(self, lines: int, hosts: Iterable[str], *, follow: bool = False) -> Outcomes[Told]:
        """The last lines of each log. With `follow`, a line that is not whole yet is left to `follow`."""
        return await self.fleet.each(lambda host: self._ask(host, {"lines": lines, "follow": follow}, 0.0), hosts)

    async def follow(
        self, hosts: Iterable[str], take: Callable[[str, Told], None], silent: Callable[[str, HostError | None], None]
    ) -> None:
        """Give `take` each host's new lines for ever. `silent` hears when a host cannot be heard any more, and with None that it can."""

        async def one(host: str) -> None:
            heard = True
            while True:
                try:
                    told = await self._ask(host, {"since": self._since.get(host, {})}, WAIT_SECONDS)
                except HostError as error:
                    if heard:
                        silent(host, error)
                    heard = False
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                if not heard:
                    silent(host, None)
                heard = True
                take(host, told)

        async with asyncio.TaskGroup() as group:
            for host in hosts:
                group.create_task(one(host))

    async def _ask(self, host: str, args: Mapping[str, Any], wait_seconds: float) -> Told:
        question = {**args, "processes": list(self.processes), "generation": self.generation, "wait_seconds": wait_seconds}
        answer = await self.fleet.call(host, "tail", question, timeout_seconds=wait_seconds + ANSWER_SECONDS)
        try:
            told = Told(_number(answer["generation"]), tuple(map(str, answer["known"])), tuple(map(_log, answer["logs"])))
            self._since.setdefault(host, {}).update({str(log["log"]): int(log["at"]) for log in answer["logs"]})
        except (KeyError, TypeError, ValueError) as error:
            raise HostError(host, "facts", "the answer to 'tail' is not as it must be") from error
        return told


def _log(row: Mapping[str, Any]) -> Log:
    return Log(str(row["process"]), _number(row["instance"]), tuple(map(str, row["lines"])), bool(row["left_out"]))


def _number(value: object) -> int | None:
    if value is not None and not isinstance(value, int):
        raise TypeError(value)
    return value
