"""`shipway attach`: watch a deployment that another driver runs, or that hosts settle by themselves, from any machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from shipway.execute import ask
from shipway.execute.fleet import Fleet
from shipway.execute.follow import Follower, Rows
from shipway.execute.telling import Tell
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach
from shipway.flows.watched import Watched, meant
from shipway.flows.words import AttachWords
from shipway.flows.words_of_failure import unreachable
from shipway.ledger.retell import Retelling
from shipway.model.doing import Doing
from shipway.model.errors import HostError, WrongInput
from shipway.model.event import Event
from shipway.model.facts import Attempt, HostFacts
from shipway.model.verdict import Verdict
from shipway.plan.facts import read_facts


async def attach(words: AttachWords, on_event: Callable[[Event], None]) -> Verdict:
    """Tell what the hosts journal of a deployment until it is settled on every member, with that deployment's exit code.

    Where nothing goes on, the last deployment is told, and the command ends at once. It takes no lease and changes nothing.
    Raises Refused when no host can be read, WrongInput when no deployment or several are meant.
    """
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name = intent.environment.name
    tell = Tell(on_event, time.time)
    async with reach(intent, tell) as fleet:
        opened = await fleet.connect(lambda host, seconds: tell("connected", host=host, seconds=seconds))
        looked = await ask.look(fleet, hosts=fleet.reached)
        errors: dict[str, HostError] = {**opened.errors, **looked.errors}
        if not looked.answers:
            raise unreachable(errors, fleet)
        facts = {host: read_facts(host, answer) for host, answer in looked.answers.items()}
        attempt = _meant(facts, words.deployment, name)
        if attempt is None:
            return Verdict("answer", 0, f"no host of {name} remembers a deployment", f"shipway deploy {name} makes the first")
        watched = Watched(attempt, name, Retelling(attempt.deployment, _offsets(facts)))
        for member in (*attempt.members, *errors):
            if member not in facts:
                why = errors[member].message if member in errors else "it is not among the hosts of shipway.toml"
                watched.miss(member, why, asyncio.get_running_loop().time())
        await _Watching(fleet, watched, on_event, tell.named(attempt.deployment)).run()
        return watched.verdict(await _serving(fleet, watched))


class _Watching:
    """Passes on what the hosts journal, and says once when something is only waited for."""

    def __init__(self, fleet: Fleet, watched: Watched, on_event: Callable[[Event], None], tell: Tell) -> None:
        self._fleet = fleet
        self._watched = watched
        self._on_event = on_event
        self._tell = tell
        self._follower = Follower(fleet, watched.attempt.deployment)
        self._said_silent = False
        self._said_lost: set[str] = set()

    async def run(self) -> None:
        """Return when the deployment is over."""
        members = [host for host in self._watched.members if host in self._fleet.hosts]
        begun = await self._follower.catch_up(host for host in members if host not in self._watched.absent)
        telling = self._watched.telling
        rows = [(telling.at(host, row), host, row) for host, found in begun.items() for row in found]
        for _, host, row in sorted(rows, key=lambda item: item[0]):
            self._pass_on(telling.add(host, row))
        for host in begun:
            self._hear(host)
        if not self._over():
            await self._follower.follow(members, self._take, self._over)

    def _take(self, host: str, rows: Rows) -> None:
        for row in rows:
            self._pass_on(self._watched.telling.add(host, row))
        self._hear(host)

    def _hear(self, host: str) -> None:
        now = asyncio.get_running_loop().time()
        error = self._follower.silent.get(host)
        if error is not None:
            self._watched.miss(host, error.message, now)
            if host not in self._said_lost:
                self._said_lost.add(host)
                self._tell("lost", host=host, reason=error.message, will="it keeps to its own clock, and is asked again")
            return
        self._said_lost.discard(host)
        self._watched.hear(host, Doing.of(self._follower.progress[host]), now)
        self._say_silence()

    def _say_silence(self) -> None:
        """Once each time the driver is no longer heard: the bound within which the hosts decide without it."""
        going_on = [doing for doing in self._watched.progress.values() if doing.open and doing.decides_seconds is not None]
        silent = bool(going_on) and all(doing.silent for doing in going_on)
        if silent and not self._said_silent:
            heard = min((doing.heard_seconds for doing in going_on if doing.heard_seconds is not None), default=None)
            since = f", not heard for {heard:.0f} s" if heard is not None else ""
            bound = max(doing.decides_seconds or 0.0 for doing in going_on)
            self._tell("waiting", what=f"the driver{since}; without it the hosts decide by themselves", bound_seconds=bound)
        self._said_silent = silent

    def _over(self) -> bool:
        return self._watched.over(asyncio.get_running_loop().time())

    def _pass_on(self, events: list[Event]) -> None:
        for event in events:
            self._on_event(event)


def _meant(facts: Mapping[str, HostFacts], words: str | None, environment: str) -> Attempt | None:
    found = meant(facts, words)
    if words is not None and len(found) != 1:
        what = f"{words!r} means {len(found)} deployments" if found else f"no host remembers a deployment {words!r}"
        raise WrongInput(
            f"{what} in {environment}",
            state="nothing was touched",
            hint=f"shipway history {environment} lists them",
            code="deployment",
            details=[attempt.deployment for attempt in found[:10]],
        )
    return found[0] if found else None


def _offsets(facts: Mapping[str, HostFacts]) -> dict[str, float]:
    """What to add to each host's clock to have ours: they may be wrong by years, and tell one story."""
    now = time.time()
    return {host: now - fact.hello.clock for host, fact in facts.items()}


async def _serving(fleet: Fleet, watched: Watched) -> dict[str, int | None]:
    """The generation that each member serves now: link and record of one mind."""
    if watched.decision != "committed":
        return {}
    looked = await ask.look(fleet, hosts=tuple(host for host in watched.members if host in watched.progress))
    return {host: _served(answer) for host, answer in looked.answers.items()}


def _served(answer: Mapping[str, Any]) -> int | None:
    link: object = answer["link"]
    return link if isinstance(link, int) and link == answer["member"]["current"] else None
