"""`shipway logs`: what processes write, on every host, the last lines or as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NoReturn

from shipway.execute import ask
from shipway.execute.fleet import Fleet
from shipway.execute.tail import Tail, Told
from shipway.execute.telling import Tell
from shipway.flows.head import intent_of_head
from shipway.flows.project import Project, open_project, release_meant
from shipway.flows.reach import reach, typed
from shipway.flows.words import LogsWords
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import HostError, WrongInput
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.plan.target import find_target


async def logs(words: LogsWords, on_event: Callable[[Event], None]) -> Verdict:
    """Tell each line as an `output`. Exit 0; 4 when a host cannot be read; with `follow` it ends only when it is interrupted.

    Raises WrongInput for a host, process or release that is not there, Refused when no host can be read.
    """
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name = intent.environment.name
    known = [host.name for host in intent.environment.hosts]
    if strangers := [host for host in words.hosts if host not in known]:
        raise _wrong(f"no host of {name} is called {' or '.join(strangers)}; there are {', '.join(known)}", "no-host")
    hosts = words.hosts or tuple(known)
    tell = Tell(on_event, time.time)
    async with reach(intent, tell) as fleet:
        opened = await fleet.connect()
        reached = [host for host in hosts if host in fleet.reached]
        tail = Tail(fleet, words.processes, await _generation(words.release, project, name, fleet))
        told = await tail.last(words.lines, reached, follow=words.follow)
        errors = {host: error for host, error in {**opened.errors, **told.errors}.items() if host in hosts}
        if not told.answers:
            raise unreachable(errors, fleet)
        _must_be_known(words, told.answers)
        for host, answer in told.answers.items():
            _say(tell, host, answer)
        for host, error in errors.items():
            tell("lost", host=host, reason=error.message, will="")
        if words.follow:
            await _follow(tail, list(told.answers), tell)
    data = {"generations": {host: answer.generation for host, answer in told.answers.items()}, "lines": []}
    if errors:
        return Verdict("answer", 4, f"cannot read {', '.join(errors)}", f"shipway status {name} tells more", "", data)
    return Verdict("answer", 0, "read from every host", "", "", data)


async def _generation(release: str | None, project: Project, environment: str, fleet: Fleet) -> int | None:
    """The number of what is meant; any number may be, also that of an attempt that failed."""
    if release is None or release.isdigit():
        return int(release) if release else None
    looked = await ask.look(fleet, hosts=fleet.reached)
    return find_target(environment, typed(looked.answers), release_meant(project, release)).number


async def _follow(tail: Tail, hosts: list[str], tell: Tell) -> NoReturn:
    def silent(host: str, error: HostError | None) -> None:
        if error is None:
            tell("note", host=host, message="heard again")
        else:
            tell("lost", host=host, reason=error.message, will="it is asked again each second")

    await tail.follow(hosts, lambda host, told: _say(tell, host, told), silent)
    raise AssertionError("following ends only from outside")


def _say(tell: Tell, host: str, told: Told) -> None:
    for log in told.logs:
        key = log.process if log.instance is None else f"{log.process}.{log.instance}"
        if log.left_out:
            tell("note", host=host, message=f"{key} wrote more than could be read: lines are left out here")
        for line in log.lines:
            tell("output", host=host, key=key, line=line, generation=told.generation)


def _must_be_known(words: LogsWords, told: Mapping[str, Told]) -> None:
    """A name that has a log on no host is a mistake, and not silence. Raises WrongInput."""
    known = sorted({name for answer in told.values() for name in answer.known})
    if unknown := [process for process in words.processes if process not in known]:
        raise _wrong(f"no host has a log of {' or '.join(unknown)}; there is {', '.join(known) or 'none yet'}", "process")
    if words.release is not None and not any(answer.logs for answer in told.values()):
        raise _wrong(f"no host has logs of {words.release} any more", "release")


def _wrong(message: str, code: str) -> WrongInput:
    return WrongInput(message, state="nothing was touched", hint="shipway logs --help", code=code)
