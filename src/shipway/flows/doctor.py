"""`shipway doctor`: everything that a deployment needs, here and on each host; with --fix, what is safe is done and looked at again."""

from __future__ import annotations

import time
from collections.abc import Callable

from shipway.execute import ask
from shipway.execute.examine import examine, mend
from shipway.execute.fleet import Fleet
from shipway.execute.telling import Tell
from shipway.flows.certificates import certificates
from shipway.flows.data_checks import data_checks
from shipway.flows.front import serving
from shipway.flows.hints import hint
from shipway.flows.operator import Operator, look_here
from shipway.flows.project import open_project
from shipway.flows.reach import reach
from shipway.flows.resume import resume
from shipway.flows.silent_lead import waits
from shipway.flows.want import want
from shipway.flows.words import DoctorWords, ResumeWords
from shipway.model.errors import Failed, HostError, HostRefused, ShipwayError
from shipway.model.event import Event
from shipway.model.facts import HostFacts
from shipway.model.finding import Examined, Finding, Findings
from shipway.model.intent import Intent
from shipway.model.verdict import Verdict
from shipway.plan.checks.domains import certificate_findings
from shipway.plan.checks.errors import of_host
from shipway.plan.checks.fleet import fleet_findings
from shipway.plan.checks.host import Asked, host_findings
from shipway.plan.facts import read_facts
from shipway.plan.front import listen, secure
from shipway.reports.doctor import doctor_json, doctor_text
from shipway_agent.record import replace

DAMAGED = frozenset({"journal", "tampered"})
MENDED_ON_A_HOST = DAMAGED | {"supervisor", "reboot"}
SETTLED = frozenset({"undecided", "task"})
"""What `resume` settles: a deployment that is open, tasks of one that did not go live."""


async def doctor(words: DoctorWords, on_event: Callable[[Event], None]) -> Verdict:
    """Ask this machine and every host. Exit 0 when nothing is wrong, 1 when something is, 4 when a host cannot be asked.

    Raises what every command raises where there is no project, no environment of that name or a configuration with faults.
    """
    project = open_project(words.project)
    wanted = want(project, words.environment, None)
    intent = wanted.intent
    tell = Tell(on_event, time.time)
    here = await look_here(project, wanted, tell)
    fleet, silent = await _look(intent, here, tell)
    fixed: tuple[tuple[str, str], ...] = ()
    if words.fix:
        fixed = await _fix(words, intent, fleet, tell, on_event)
        if fixed:
            fleet, silent = await _look(intent, here, tell)
    return _verdict(Findings(intent.environment.name, here.findings, fleet, fixed), silent)


async def _look(intent: Intent, here: Operator, tell: Tell) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """What is to be said of the environment and its hosts, and which of them could not be asked."""
    name = intent.environment.name
    async with reach(intent, tell) as fleet:
        opened = await fleet.connect()
        looked = await ask.look(fleet, verify=True, hosts=fleet.reached)
        errors: dict[str, HostError] = {**opened.errors, **looked.errors}
        facts: dict[str, HostFacts] = {}
        for host, answer in looked.answers.items():
            try:
                facts[host] = read_facts(host, answer)
            except HostError as error:
                errors[host] = error
        examined = await examine(fleet, _listens(intent, facts))
        errors |= examined.errors
        hosts = {host.name: host for host in intent.environment.hosts}
        again = f"shipway doctor {name}"
        found = [of_host(e.code, e, hint(e.code, environment=name, host=h, address=hosts[h].address), again) for h, e in errors.items()]
        silent = tuple(host for host, error in errors.items() if not isinstance(error, HostRefused))
        stored = await data_checks(intent, fleet, facts, tell) if intent.environment.data else []
        way_out = waits(looked.answers, name, {host: error.message for host, error in errors.items()})
    if any(fact.proxy.running and secure(intent, listen(intent, hosts[host], fact)) for host, fact in facts.items()):
        found += certificate_findings(await certificates(intent.environment.domains), name)
    found += stored
    found += fleet_findings(intent, here.release, facts, silent=bool(errors), way_out=way_out)
    for host, fact in facts.items():
        found += host_findings(Asked(intent, hosts[host], fact, examined.answers.get(host, Examined()), here.release))
    return tuple(found), silent


def _listens(intent: Intent, facts: dict[str, HostFacts]) -> dict[str, str]:
    """Where requests should come in on each host, "" where none should."""
    doors = serving(intent)
    return {
        host.name: listen(intent, host, facts[host.name]) if host.name in doors else ""
        for host in intent.environment.hosts
        if host.name in facts
    }


async def _fix(
    words: DoctorWords,
    intent: Intent,
    found: tuple[Finding, ...],
    tell: Tell,
    on_event: Callable[[Event], None],
) -> tuple[tuple[str, str], ...]:
    """Do what every deployment does anyway and what hosts do by themselves: (host, sentence) for each thing that was done or tried."""
    todo = {
        host: [finding.check for finding in found if finding.host == host and finding.severity == "wrong"]
        for host in dict.fromkeys(finding.host for finding in found if finding.check in MENDED_ON_A_HOST and finding.severity == "wrong")
    }
    async with reach(_only(intent, frozenset(todo)), tell) as fleet:
        done = [(host, what) for host, checks in todo.items() for what in await _mended(fleet, host, checks, intent)]
    if any(finding.check in SETTLED and finding.next.startswith("shipway resume") for finding in found):
        done.append(("", await _resumed(words, intent, on_event)))
    return tuple(done)


def _only(intent: Intent, names: frozenset[str]) -> Intent:
    """The same environment with only these hosts."""
    hosts = tuple(host for host in intent.environment.hosts if host.name in names)
    return replace(intent, environment=replace(intent.environment, hosts=hosts))


async def _mended(fleet: Fleet, host: str, checks: list[str], intent: Intent) -> tuple[str, ...]:
    reboot = {"app": intent.app, "environment": intent.environment.name} if "reboot" in checks else None
    try:
        return await mend(fleet, host, reboot, journal=not DAMAGED.isdisjoint(checks))
    except HostError as error:
        return (f"could not be mended: {error.message}",)


async def _resumed(words: DoctorWords, intent: Intent, on_event: Callable[[Event], None]) -> str:
    """Undone is settled as well as committed; any other ending is said with why it could not be."""
    try:
        return (await resume(ResumeWords(project=words.project, environment=intent.environment.name, json=words.json), on_event)).message
    except Failed as undone:
        return f"{undone.message}; {undone.state}"
    except ShipwayError as error:
        return f"could not be settled: {error.message}"


def _verdict(findings: Findings, silent: tuple[str, ...]) -> Verdict:
    wrong, notes = findings.of("wrong"), findings.of("note")
    data = {**doctor_json(findings), "lines": doctor_text(findings)}
    unasked = [finding for finding in wrong if finding.host in silent]
    if silent:
        others = len(wrong) - len(unasked)
        more = f"; {_things(others)} wrong beside that" if others else ""
        return Verdict("answer", 4, f"cannot ask {', '.join(sorted(silent))}{more}", unasked[0].next, "", data)
    if wrong:
        return Verdict("answer", 1, f"{_things(len(wrong))} wrong", wrong[0].next, "", data)
    known = f", {len(notes)} {'note' if len(notes) == 1 else 'notes'}" if notes else ""
    return Verdict("answer", 0, f"nothing is wrong{known}", "", "", data)


def _things(count: int) -> str:
    return "1 thing is" if count == 1 else f"{count} things are"
