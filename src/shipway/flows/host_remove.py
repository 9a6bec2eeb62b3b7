"""`shipway host remove`: a host leaves its environment, drained, or written off when it is lost; the others go on serving."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from shipway.execute import steps
from shipway.execute.ask import Facts
from shipway.execute.fleet import Fleet, worst
from shipway.flows.approach import connect_and_read
from shipway.flows.attempt import Attempt, attempt
from shipway.flows.begin import Hold, hold
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach, typed
from shipway.flows.reading import read
from shipway.flows.remove import take_off
from shipway.flows.who import who
from shipway.flows.without import asked, no_host
from shipway.flows.words import HostRemoveWords
from shipway.flows.words_of_failure import unreachable
from shipway.model.errors import AGAIN, HostError, Refused, Unsettled, WrongInput
from shipway.model.event import Event
from shipway.model.facts import HostFacts
from shipway.model.intent import Host, Intent
from shipway.model.plan import Plan
from shipway.model.verdict import Verdict
from shipway.plan.facts import left_under, recorded_members
from shipway.plan.leave import address_on_record, plan_leave
from shipway_agent.record import replace

UNTOUCHED = "nothing was touched; every host serves what it served"


async def host_remove(words: HostRemoveWords, on_event: Callable[[Event], None]) -> Verdict:
    """Take `words.host` out of the environment. Raises ShipwayError for every ending that is not 0.

    First it is drained and cleared, then every other member records that it left. Ended in between, the same command goes on.
    """
    project = open_project(words.project)
    with attempt(project.directory, on_event, "host remove", lambda: project.meant(words.environment)) as trying:
        intent = intent_of_head(project, words.environment)
        staying = _staying(intent, words.host)
        async with reach(_with(intent, staying), trying.say) as fleet:
            facts = typed(await connect_and_read(fleet, trying.say))
        leaving = _leaving(intent, facts, words)
        if leaving is None:
            return trying.ended(Verdict("unchanged", 0, f"{words.host} is no member of {intent.environment.name}", _delete(intent, words)))
        if words.lost:
            await _is_lost(_with(intent, (leaving,)), leaving, trying)
        async with reach(_with(intent, staying if words.lost else (*staying, leaving)), trying.say) as fleet:
            verdict = await _take_leave(fleet, intent, words, trying)
        return trying.ended(verdict)


async def _take_leave(fleet: Fleet, intent: Intent, words: HostRemoveWords, trying: Attempt) -> Verdict:
    facts = await _read(fleet, words)

    def plan_for(now: Mapping[str, Facts], deployment: str, number: int) -> Plan:
        return plan_leave(
            intent,
            words.host,
            typed(now),
            deployment=deployment,
            who=who(),
            number=number,
            peer_key=secrets.token_hex(32),
            lost=words.lost,
            shared=words.with_shared,
        )

    documents = facts
    environment = _with(intent, tuple(fleet.hosts.values())).environment
    async with hold(fleet, environment, facts, trying.tell, lambda n, d: plan_for(documents, d, n).document) as held:
        tell = trying.named(held.claim.deployment)
        plan = plan_for(held.facts, held.claim.deployment, held.claim.number)
        told = {key: value for key, value in plan.document.items() if key != "peer_key"}
        tell("began", **told, members=list(plan.members), lead=plan.lead, notes=list(plan.notes))
        await _clear(fleet, held, plan, intent, words)
        await _record(fleet, held, plan, words)
    stays = ", ".join(plan.finish)
    what = "is written off" if words.lost else "serves nothing any more" + ("" if words.with_shared else ", and what it shared is kept")
    message = f"{words.host} is no member of {plan.environment} any more: it {what}; {stays} {'goes' if len(plan.finish) == 1 else 'go'} on"
    return Verdict("removed", 0, message, _delete(intent, words), held.claim.deployment)


async def _clear(fleet: Fleet, held: Hold, plan: Plan, intent: Intent, words: HostRemoveWords) -> None:
    """The host that leaves is drained and taken off the application. Raises Unsettled."""
    cleared = await fleet.each(lambda name: take_off(fleet, held, name, intent.app, words.with_shared), plan.switch)
    if cleared.errors:
        first = worst(cleared.errors)
        raise Unsettled(
            f"{words.host} was not cleared: {first.message}",
            state=f"it is a member still; {', '.join(plan.finish)} serve what they served",
            hint=f"{AGAIN}; or, if {words.host} is gone for ever: {_lost(words, plan.environment)}",
            code="not-removed",
            details=first.lines,
        )


async def _record(fleet: Fleet, held: Hold, plan: Plan, words: HostRemoveWords) -> None:
    """Every host that stays records that it left. Raises Unsettled."""

    async def one(name: str) -> None:
        await steps.run(fleet, name, held.claim, plan.finish[name], held.tell)

    errors: dict[str, HostError] = (await fleet.each(one, plan.finish)).errors
    if errors:
        raise Unsettled(
            f"{', '.join(sorted(errors))} did not record that {words.host} left: {worst(errors).message}",
            state=f"{words.host} {'is written off' if words.lost else 'serves nothing any more'}; every other host serves what it served",
            hint=AGAIN,
            code="not-recorded",
            details=[f"{name}: {line}" for name, error in sorted(errors.items()) for line in error.lines],
        )


def _staying(intent: Intent, leaving: str) -> tuple[Host, ...]:
    environment = intent.environment
    staying = tuple(host for host in environment.hosts if host.name != leaving)
    if not staying:
        raise Refused(
            f"{leaving} is the only host of {environment.name}",
            state=UNTOUCHED,
            hint=f"shipway remove {environment.name} takes the application off it",
            code="last-host",
        )
    return staying


def _leaving(intent: Intent, facts: Mapping[str, HostFacts], words: HostRemoveWords) -> Host | None:
    """The host that is meant: as shipway.toml names it, else as the others remember it; None where it is no member (any more)."""
    environment = intent.environment
    configured = {host.name: host for host in environment.hosts}
    recorded = recorded_members(facts)
    if words.host not in configured and words.host not in recorded:
        if left_under(facts, words.host):
            return None
        raise WrongInput(
            no_host(words.host, [*configured, *recorded]),
            state="nothing was touched",
            hint=f"shipway status {environment.name} shows its hosts: {', '.join(sorted({*configured, *recorded}))}",
            code="no-host",
        )
    if words.host not in recorded and left_under(facts, words.host):
        return None
    found = configured.get(words.host) or address_on_record(facts, words.host)
    if found is None and not words.lost:
        raise Refused(
            f"nobody remembers the address of {words.host}",
            state=UNTOUCHED,
            hint=f"put {words.host} back into shipway.toml, commit, then {AGAIN}; "
            f"or, if it is gone for ever: {_lost(words, environment.name)}",
            code="no-address",
        )
    return found or Host(words.host, "")


async def _is_lost(intent: Intent, leaving: Host, trying: Attempt) -> None:
    """Who answers and serves is not lost: to write it off would leave a release before visitors that nobody looks after."""
    if not leaving.address:
        return
    async with reach(intent, trying.say) as away, asked(away) as answers:
        fact = (await answers())[leaving.name]
    if fact is not None and (fact.live is not None or fact.processes):
        raise Refused(
            f"{leaving.name} is not lost: it answers, and serves {fact.live.get('version') if fact.live else 'something'}",
            state=UNTOUCHED,
            hint=f"shipway host remove {intent.environment.name} {leaving.name} drains it first; else switch it off, then {AGAIN}",
            code="not-lost",
        )


async def _read(fleet: Fleet, words: HostRemoveWords) -> dict[str, Facts]:
    opened = await fleet.connect()
    if words.host in opened.errors:
        error = unreachable(opened.errors, fleet)
        hint = f"{error.hint}; or, if {words.host} is gone for ever: {_lost(words, fleet.environment)}"
        raise Refused(error.message, state=error.state, hint=hint, code=error.code, details=error.details)
    return await read(fleet)


def _with(intent: Intent, hosts: tuple[Host, ...]) -> Intent:
    return replace(intent, environment=replace(intent.environment, hosts=hosts))


def _lost(words: HostRemoveWords, environment: str) -> str:
    return f"shipway host remove {environment} {words.host} --lost"


def _delete(intent: Intent, words: HostRemoveWords) -> str:
    """What to do next: as long as shipway.toml names it, the next deployment takes it in again."""
    name = intent.environment.name
    if all(host.name != words.host for host in intent.environment.hosts):
        return f"shipway status {name}"
    return f"delete {words.host} from [environment.{name}] hosts and commit, or shipway deploy {name} takes it in again"
