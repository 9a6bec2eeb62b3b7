"""`shipway status`: what serves on each host, read from the hosts, and what is not as recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from shipway.execute import ask
from shipway.execute.telling import Tell
from shipway.flows.head import intent_of_head
from shipway.flows.project import open_project
from shipway.flows.reach import reach
from shipway.flows.silent_lead import waits
from shipway.flows.words import StatusWords
from shipway.model.doing import ways_out
from shipway.model.errors import AGAIN, HostError
from shipway.model.event import Event
from shipway.model.facts import Ailment, HostFacts, Json
from shipway.model.verdict import Verdict
from shipway.plan.checks.host import repair
from shipway.plan.facts import behind, newest_committed, read_facts, recorded_members
from shipway.reports.few import named
from shipway.reports.status import drift, status_text
from shipway.reports.status import status as status_of

DAMAGED = frozenset({"journal", "tampered"})
"""Codes of a host that was reached, and whose journal cannot be trusted."""


async def status(words: StatusWords, on_event: Callable[[Event], None]) -> Verdict:
    """Ask every host at once. Exit 0 when all members serve one release as recorded; 4 when a host is silent, differs or has drifted."""
    project = open_project(words.project)
    intent = intent_of_head(project, words.environment)
    name = intent.environment.name
    async with reach(intent, Tell(on_event, time.time)) as fleet:
        opened = await fleet.connect()
        looked = await ask.look(fleet, verify=False if words.quick else "sealed", brief=True, hosts=fleet.reached)
    errors: dict[str, HostError] = {**opened.errors, **looked.errors}
    facts: dict[str, HostFacts | None] = {host.name: None for host in intent.environment.hosts}
    for host, answer in looked.answers.items():
        try:
            facts[host] = read_facts(host, answer)
        except HostError as error:
            errors[host] = error
    heard = {host: fact for host, fact in facts.items() if fact is not None}
    silent = {host: error.message for host, error in errors.items()}
    said = status_of(name, facts, recorded_members(heard), behind(heard))
    data = {"status": said, "drift": drift(facts), "unreachable": silent, "lines": status_text(said, facts, silent)}
    wrong = _wrong(name, heard, errors, waits(looked.answers, name, silent), agrees=said["agrees"])
    if wrong is not None:
        return Verdict("answer", 4, *wrong, "", data)
    if heard and all(fact.is_stopped for fact in heard.values()):
        return Verdict("answer", 0, f"{name} is stopped, as ordered (shipway start {name} starts it)", "", "", data)
    return Verdict("answer", 0, "all members serve one release, as recorded", "", "", data)


def _wrong(
    name: str, heard: Mapping[str, HostFacts], silent: Mapping[str, HostError], way_out: str, *, agrees: bool
) -> tuple[str, str] | None:
    """What is the matter with an environment, the gravest alone, and what to do about it; None where all is well.

    `silent` are hosts that cannot be read, and why; `way_out` is what helps where a lead that decides is among them, else "".
    """
    if way_out:
        unread = f", and cannot read {', '.join(sorted(silent))}" if silent else ""
        return f"a deployment is not decided yet{unread}", way_out
    newest = newest_committed(heard)
    update = _deploy(name, newest.document if newest is not None else {})
    if silent:
        left_out = sorted(set(silent).intersection(newest.without if newest is not None else ()))
        message = f"cannot read {', '.join(sorted(silent))}" + (f"; {' and '.join(left_out)} left out and behind" if left_out else "")
        if untrusted := next((error for error in silent.values() if error.code in DAMAGED), None):
            return message, _hint(name, untrusted)
        return message, f"{update if left_out else f'shipway status {name} again'}, when it can be reached"
    if any(fact.member.unsettled for fact in heard.values()):
        doing = [fact.doing for fact in heard.values() if fact.doing is not None]
        driven = any(not one.silent for one in doing)
        hint = f"shipway attach {name} watches it" if driven else ways_out(name, doing)
        return "a deployment is not decided yet", hint
    damaged = [host for host, fact in heard.items() if fact.unsound]
    if damaged:
        return f"the journal of {named(damaged)} is damaged", _begin_anew(name, damaged[0], heard[damaged[0]])
    if late := behind(heard):
        return f"behind: {', '.join(late)}", f"{update} brings what is behind up to date"
    if not agrees:
        return "the hosts do not agree on a release", f"shipway deploy {name} makes them serve one"
    if drift(heard):
        served = next((fact.live for fact in heard.values() if fact.live is not None), {})
        return "not everything is as recorded", f"{_deploy(name, served)} repairs it"
    return None


def _hint(name: str, error: HostError) -> str:
    from shipway.flows.hints import hint  # a host that is well needs none

    return hint(error.code, environment=name, host=error.host).replace(AGAIN, f"shipway status {name}")


def _begin_anew(environment: str, host: str, fact: HostFacts) -> str:
    """What to do about a journal that cannot be trusted; at its end the commit that serves is deployed."""
    return repair(Ailment("journal", fact.unsound), fact, environment, host, str((fact.live or {}).get("commit", ""))[:12])


def _deploy(environment: str, document: Json) -> str:
    """The command that brings the commit of a generation or deployment to every host; HEAD's turn where it is not known."""
    commit = str(document.get("commit", ""))[:12]
    return f"shipway deploy {environment}" + (f" --ref {commit}" if commit else "")
