"""`shipway exec`, `shipway console`: a command in the release that serves, on one host with a terminal, or on several at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from shipway.execute.command import run_command
from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach
from shipway.flows.who import who
from shipway.flows.words import ExecWords
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import HostError, LinkLost, Refused, Unsettled, WrongInput
from shipway.model.event import Event
from shipway.model.intent import Intent
from shipway.model.streams import Size, Streams, Terminal
from shipway.model.verdict import Verdict

ENDED = "ended"
"""The verdict of a command that ran: its own exit code is the verdict, and nothing is added to what it said."""


async def exec(words: ExecWords, on_event: Callable[[Event], None]) -> Verdict:  # named as its command, as every flow is
    """Exit with the command's own code; of several hosts with the first that is not 0. Raises Refused before it runs, WrongInput."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    hosts = _hosts(words, intent)
    async with reach(intent, Tell(on_event, time.time)) as fleet:
        opened = await fleet.each(fleet.channel, hosts)
        if opened.errors:
            raise unreachable(opened.errors, fleet)
        if words.streams is not None and len(hosts) == 1:
            codes = {hosts[0]: await _run(fleet, hosts[0], words, words.streams)}
        else:
            codes = await _everywhere(fleet, hosts, words, Tell(on_event, time.time))
    code = next((code for code in codes.values() if code), 0)
    ended = ", ".join(f"{host}: {code}" for host, code in codes.items())
    return Verdict(ENDED, code, f"{words.command[0]} ended with {ended}", "", "", {"exit": codes, "lines": []})


async def _run(fleet: Fleet, host: str, words: ExecWords, streams: Streams) -> int:
    try:
        return await run_command(fleet, host, words.command, streams, process=words.process, who=who())
    except HostError as error:
        if error.code in ("no-generation", "no-process"):
            state, hint = "nothing was run", f"shipway status {fleet.environment} shows what serves"
            raise Refused(f"{host}: {error.message}", state=state, hint=hint, code=error.code) from error
        if isinstance(error, LinkLost):
            state = "it had begun, and what it did stands; it ends with its link, unless the agent itself was killed: then it may still run"
            hint = f"look at what it did; shipway exec {fleet.environment} --host {host} -- COMMAND runs one again"
            raise Unsettled(f"{host}: {error.message}", state=state, hint=hint, code=error.code) from error
        raise


async def _everywhere(fleet: Fleet, hosts: list[str], words: ExecWords, tell: Tell) -> dict[str, int]:
    async def one(host: str) -> int:
        lines = _Lines(host, words.command[0], tell)
        try:
            return await _run(fleet, host, words, lines)
        finally:
            lines.end()

    codes = await asyncio.gather(*(one(host) for host in hosts))
    return dict(zip(hosts, codes, strict=True))


def _hosts(words: ExecWords, intent: Intent) -> list[str]:
    """Those that are named; all; or the first that has the process."""
    known = {host.name: host for host in intent.environment.hosts}
    if strangers := [name for name in words.hosts if name not in known]:
        raise WrongInput(
            f"no host of {intent.environment.name} is called {' or '.join(strangers)}; there are {', '.join(known)}",
            state="nothing was touched",
            hint="shipway exec --help",
            code="no-host",
        )
    if words.hosts:
        return list(dict.fromkeys(words.hosts))
    roles = next((process.roles for process in intent.shipment.processes if process.name == words.process), ())
    able = [name for name, host in known.items() if not roles or set(roles) & set(host.roles)]
    if not able:
        raise WrongInput(
            f"no host of {intent.environment.name} has a role of the process {words.process}",
            state="nothing was run",
            hint="shipway exec --help",
            code="no-host",
        )
    return able if words.everywhere else able[:1]


class _Lines:
    """The streams of a command on one of several hosts: nothing is typed, and whole lines are told with the host's name."""

    terminal: Terminal | None = None

    def __init__(self, host: str, key: str, tell: Tell) -> None:
        self._host = host
        self._key = key
        self._tell = tell
        self._rest = {1: b"", 2: b""}

    async def typed(self) -> AsyncIterator[bytes | Size]:
        nothing: tuple[bytes, ...] = ()
        for one in nothing:
            yield one

    async def show(self, stream: int, data: bytes) -> None:
        *lines, self._rest[stream] = (self._rest[stream] + data).split(b"\n")
        for line in lines:
            self._say(line)

    def end(self) -> None:
        for rest in self._rest.values():
            if rest:
                self._say(rest)

    def _say(self, line: bytes) -> None:
        self._tell("output", host=self._host, key=self._key, line=line.decode("utf-8", "replace").rstrip("\r"))
