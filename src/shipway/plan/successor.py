"""An Order and facts in, its Plan out: a generation made as a copy of what serves, which takes over all that the order leaves alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shipway.model.facts import HostFacts, Json, serves
from shipway.model.intent import Host, Intent
from shipway.model.plan import Plan, Step, Wave
from shipway.plan import steps
from shipway.plan.activation import drain_seconds, lead_of, proof_of, votes, with_files
from shipway.plan.documents import document_again, member_addresses
from shipway.plan.facts import open_notes, peer_notes
from shipway.plan.front import front_door, proxy_step
from shipway.plan.orders.order import Change, Order
from shipway.plan.outline import outline
from shipway.plan.proxy.routes import routed
from shipway.plan.standing import CLOSED, MAINTENANCE, newest_live
from shipway_agent.previous import SOURCE
from shipway_agent.record import replace
from shipway_agent.wants import TAKES

FOR_ALL: Json = {"path": "/", "status": [503], "contains": None, "timeout_seconds": 5.0, "public": True}
"""What everybody is answered who is kept out."""


def plan_successor(
    intent: Intent, order: Order, facts: Mapping[str, HostFacts], *, deployment: str, who: str, number: int, peer_key: str
) -> Plan:
    """Generation `number` of the same release, configuration and values of the environment. All hosts go together.

    Nothing to do where the order changes nothing. The front door is that of what serves, whatever HEAD says of domains.
    """
    live = newest_live(facts)
    intent = replace(intent, environment=replace(intent.environment, domains=tuple(live.get("domains", ()))))
    lead = lead_of(intent.environment.hosts)
    document = document_again(
        intent,
        live,
        kind=order.kind,
        who=who,
        number=number,
        before=facts[lead.name].member.current,
        peer_key=peer_key,
        what=order.what,
        command=order.command,
    )
    notes = [*order.notes, *open_notes(facts), *peer_notes(facts)]
    plan = outline(intent, {**document, "leaves_warm": not order.ends_warm}, notes)
    return _filled(plan, intent, order, facts, deployment=deployment, who=who) if order.changes else plan


def _filled(plan: Plan, intent: Intent, order: Order, facts: Mapping[str, HostFacts], *, deployment: str, who: str) -> Plan:
    vote = votes(intent, facts, deployment=deployment, number=plan.number)
    known = member_addresses(intent)
    prepare: dict[str, tuple[Step, ...]] = {}
    start: dict[str, tuple[Step, ...]] = {}
    switch: dict[str, tuple[Step, ...]] = {}
    verify: dict[str, tuple[Step, ...]] = {}
    for host in sorted(intent.environment.hosts, key=lambda h: h.name):
        change, fact = order.changes[host.name], facts[host.name]
        live = fact.live or {}
        source, members = int(live["number"]), known[host.name]
        overrides = _overrides(plan, change, facts, deployment=deployment, who=who, source=source, members=members)
        document = {**live, **overrides}
        files = with_files({host.name: document}, {host.name: vote[host.name]}, plan.number)
        prepare[host.name] = (*_prepared(plan, intent, order, host, fact, overrides, document), *files[host.name])
        pages, front = _proof(intent, host, document, fact, order, change)
        shut = bool(document.get(CLOSED) or document.get(MAINTENANCE))
        seen = steps.unvisited if shut else _as_it_is
        start[host.name] = (
            steps.member("start", deployment, plan.number),
            steps.visited(_start(plan.number, change, live), pages, None if shut else front),
            steps.member("ready", deployment, plan.number),
        )
        switch[host.name] = (seen(steps.switch(pages, front)),)
        watch_seconds = 0.0 if order.shuts or not change.judged else intent.environment.watch_seconds
        workers = [p for p in change.processes if p["name"] in change.judged and p["instances"] and not p["listens"]]
        settled = steps.workers_settled(plan.number, drain_seconds({"processes": workers}, live))
        proof = seen(steps.judging(steps.prove(watch_seconds, pages, front), change.judged))
        verify[host.name] = (steps.judging(settled, change.judged), proof) if workers else (proof,)
    finish = (steps.retire_watch(), steps.member("finish", deployment, plan.number), steps.prune(intent.environment.keep_releases))
    return replace(
        plan,
        waves=(Wave("prepared", "prepare", prepare), Wave("ready", "start", start)),
        switch=switch,
        verify=verify,
        finish=dict.fromkeys(plan.members, finish),
    )


def _as_it_is(step: Step) -> Step:
    return step


def _overrides(
    plan: Plan, change: Change, facts: Mapping[str, HostFacts], *, deployment: str, who: str, source: int, members: Json
) -> dict[str, Any]:
    return {
        "deployment": deployment,
        "kind": plan.kind,
        "who": who,
        "made": facts[plan.lead].hello.clock,
        "number": plan.number,
        SOURCE: source,
        TAKES: list(change.takes),
        "members": members,
        "processes": list(change.processes),
        **change.keys,
    }


def _prepared(plan: Plan, intent: Intent, order: Order, host: Host, fact: HostFacts, overrides: Json, document: Json) -> tuple[Step, ...]:
    """The tree is looked at where something of it is started; the proxy where visitors are to be kept out or let in."""
    change = order.changes[host.name]
    source = int(overrides[SOURCE])
    shown = (document.get(MAINTENANCE) or {}).get("page")
    page = {} if not shown else {"page": order.page} if order.page is not None else {"page_of": source}
    tree = (steps.tree_again(plan.release, static=document.get("static")),) if change.judged and order.kind != "maintenance" else ()
    proxy = (proxy_step(intent, host, fact, document, None),) if (order.shuts or order.opens) and serves(document) else ()
    return (*tree, steps.generation_copy(plan.number, source, overrides, **page), *proxy)


def _start(number: int, change: Change, live: Json) -> Step:
    """Candidates of what is judged, less those copies that go on."""
    had = {str(p["name"]): int(p["instances"]) if p["name"] in change.takes else 0 for p in live["processes"]}
    judged = [p for p in change.processes if p["name"] in change.judged]
    fresh = [{**p, "instances": more} for p in judged if p["listens"] and (more := int(p["instances"]) - had[p["name"]]) > 0]
    step = steps.process_start(number, fresh)
    title = step.title if fresh else "no process that listens is started"
    return steps.judging(replace(step, title=title), change.judged)


def _proof(
    intent: Intent, host: Host, document: Json, fact: HostFacts, order: Order, change: Change
) -> tuple[Sequence[Json], Mapping[str, Any] | None]:
    """What the front door is asked: whether it is shut, or the pages of what must prove itself; nothing where it does not matter."""
    if not serves(document):
        return [], None
    if document.get(CLOSED) or (order.shuts and document.get(MAINTENANCE)):
        return [FOR_ALL], front_door(intent, host, fact)
    answers = routed(document)
    files_alone = answers is None and (order.opens or order.shuts)
    return proof_of(intent, host, document, fact) if answers in change.judged or files_alone else ([], None)
