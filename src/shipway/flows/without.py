"""Hosts that are named to be left out in; the intent without them, what they say of themselves, and the words for them out.

Who names a host is taken at the word, also when it answers: it may be sick. It takes no lease and no step, so it keeps what it serves,
and that is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from shipway.execute import ask
from shipway.execute.fleet import Fleet
from shipway.model.errors import AGAIN, HostError, Unsettled, WrongInput
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent
from shipway.model.plan import Plan
from shipway.plan.facts import read_facts
from shipway_agent.record import replace

LOOK_SECONDS = 10.0
"""How long hosts that are left out are asked what they serve, beside the deployment: they may be dead."""

Said = Mapping[str, HostFacts | None]
"""What each host that is left out says of itself; None where it cannot be read."""


def leave_out(intent: Intent, names: Sequence[str]) -> Intent:
    """The same, with these hosts under `environment.without`. Raises WrongInput for names of no host, and when nobody is left."""
    environment = intent.environment
    known = [host.name for host in environment.hosts]
    refuse_strangers(environment.name, names, known)
    there = tuple(host for host in environment.hosts if host.name not in names)
    if not there:
        raise WrongInput(
            f"without {', '.join(known)} no host of {environment.name} is left",
            state="nothing was touched",
            hint=f"shipway status {environment.name} shows which of them serve; leave out fewer",
            code="no-host",
        )
    gone = tuple(host for host in environment.hosts if host.name in names)
    return replace(intent, environment=replace(environment, hosts=there, without=gone))


def refuse_strangers(environment: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Raises WrongInput, with every one of the names that is none of those that are known."""
    strangers = [no_host(name, known) for name in dict.fromkeys(names) if name not in known]
    if strangers:
        raise WrongInput(
            strangers[0] if len(strangers) == 1 else f"{len(strangers)} names are no hosts of {environment}",
            state="nothing was touched",
            hint=f"shipway status {environment} shows its hosts: {', '.join(known)}",
            code="no-host",
            details=strangers if len(strangers) > 1 else (),
        )


def no_host(name: str, known: Sequence[str]) -> str:
    """The sentence for a name that is no host, with the nearest that is."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return f"there is no host {name!r}" + (f"; the nearest is {near[0]}" if near else "")


def only_left_out(intent: Intent) -> Intent:
    """The same with the hosts that are left out, and no other."""
    return replace(intent, environment=replace(intent.environment, hosts=intent.environment.without, without=()))


@asynccontextmanager
async def asked(away: Fleet) -> AsyncIterator[Callable[[], Awaitable[Said]]]:
    """Ask hosts what they serve for the length of the block; what is yielded gives their answers, within LOOK_SECONDS of the start."""
    said: dict[str, HostFacts | None] = dict.fromkeys(away.names)

    async def look() -> None:
        await away.connect()
        for name, fact in (await ask.look(away, hosts=away.reached)).answers.items():
            try:
                said[name] = read_facts(name, fact)
            except HostError:
                continue  # an agent that answers nonsense is as good as none

    async def bounded() -> None:
        try:
            await asyncio.wait_for(look(), LOOK_SECONDS)
        except TimeoutError:
            return

    asking = asyncio.ensure_future(bounded())

    async def answers() -> Said:
        await asking
        return said

    try:
        yield answers
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


def behind(message: str, plan: Plan, said: Said) -> Unsettled:
    """The ending of a deployment that left hosts out: live everywhere else, and not settled. `message` says what is live where."""
    names = " and ".join(said)
    return Unsettled(
        and_left_out(message, said),
        state="; ".join(_standing(name, fact, plan) for name, fact in said.items()),
        hint=f"{deploy_again(plan)} brings {names} up to date, as soon as {_it(said)} can be reached",
        code="left-out",
    )


def and_left_out(message: str, said: Said) -> str:
    """The same sentence with who was left out behind it, if anybody was."""
    return message + (f"; {' and '.join(said)} {'was' if len(said) == 1 else 'were'} left out" if said else "")


def deploy_again(plan: Plan, without: Iterable[str] = ()) -> str:
    """The command that takes this very commit live."""
    commit = str(plan.document.get("commit", ""))[:12]
    return " ".join([f"shipway deploy {plan.environment} --ref {commit}", *(f"--without {name}" for name in without)])


def _standing(name: str, fact: HostFacts | None, plan: Plan) -> str:
    """What a host that was left out does now."""
    if fact is None:
        return f"{name} cannot be reached and is behind: back again, it serves what it served before"
    if fact.live is None:
        return f"{name} answers and serves nothing"
    version = str(fact.live.get("version", "")) or str(fact.live["release"])[:12]
    if str(fact.live["release"]) == plan.release and not fact.wrongs:
        return f"{name} answers and serves this release already, as generation {fact.member.current}"
    return f"{name} answers and goes on serving {version} (generation {fact.member.current}): who reaches it sees that"


def _it(said: Said) -> str:
    return "it" if len(said) == 1 else "they"


def or_without(errors: Mapping[str, HostError], others: int) -> str:
    """The second way out where hosts cannot be reached: to go on without them. Empty where nobody would be left."""
    if others == 0:
        return ""
    words = " ".join(f"--without {name}" for name in sorted(errors))
    return f"; or go on and leave {' and '.join(sorted(errors))} behind: {AGAIN} {words}"
