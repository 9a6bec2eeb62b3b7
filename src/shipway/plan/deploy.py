"""Intent, release and facts in, the Plan of a deployment out: from nothing, from another release, or from a fleet that has drifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from shipway.model.facts import HostFacts, Json, serves
from shipway.model.intent import Host, Intent, Task
from shipway.model.migration import Pending
from shipway.model.plan import Plan, Step, Wave
from shipway.model.release import Release
from shipway.plan import steps
from shipway.plan.activation import finishes, lead_of, start_wave, switches, verifications, votes, with_files
from shipway.plan.batches import batches, once_more
from shipway.plan.data.hold import holding
from shipway.plan.data.objections import left_behind, migration_notes, pass_migration_gates
from shipway.plan.data.phases import after_commit, gone_seconds, hold_waves, migration_waves, with_look
from shipway.plan.data.points import point_notes, point_waves
from shipway.plan.documents import deployment_document, env_document, generation_document, member_addresses, same_generation
from shipway.plan.facts import left_out_notes, open_notes, peer_notes
from shipway.plan.front import certificate_notes, proxy_step
from shipway.plan.gates import pass_gates
from shipway.plan.jobs import job_notes, job_table
from shipway.plan.notifications import keep_steps
from shipway.plan.outline import outline
from shipway.plan.reboot import reboot_notes, reboot_steps
from shipway.plan.standing import as_in_file, kept, page_of, scale_notes, scaled, starts_again, under_maintenance
from shipway.plan.waves import runners, waves
from shipway_agent.previous import SAME_AS, alike
from shipway_agent.record import dataclass, replace


def plan_deploy(
    intent: Intent,
    release: Release,
    facts: Mapping[str, HostFacts],
    *,
    deployment: str,
    who: str,
    number: int,
    caddies: Mapping[str, str],
    peer_key: str,
    repair: Sequence[str] = (),
    pending: Pending | None = None,
) -> Plan:
    """What each host does so that `release` is current everywhere, or nobody has changed.

    Nothing to do when every host already serves exactly this and is well, and none of its migrations are known to be `pending` (None
    where none are declared). A fleet that serves it but has drifted gets a plan of kind "repair", a new generation everywhere, with what
    is wrong in its notes; `repair` names wrongs that the caller saw by itself. Raises Refused (plan/gates.py, plan/data/objections.py).
    """
    pass_gates(intent, release, facts)
    pass_migration_gates(intent, pending)
    intent = scaled(intent, facts)
    hosts = sorted(intent.environment.hosts, key=lambda host: host.name)
    lead = lead_of(hosts)
    made = facts[lead.name].hello.clock
    before, everybody = kept(facts), member_addresses(intent)
    wanted = {
        h.name: generation_document(
            intent,
            release,
            h,
            number=number,
            deployment=deployment,
            kind="deploy",
            who=who,
            made=made,
            platform=facts[h.name].hello.platform,
            kept=before,
            members=everybody[h.name],
        )
        for h in hosts
    }
    state = _compare(intent, hosts, wanted, facts)
    wrong = (*state.wrong, *repair)
    kind: Literal["deploy", "repair"] = "repair" if state.same and wrong else "deploy"
    content = {SAME_AS: list(_alike(state.alike, facts))} if state.alike else {}
    for generation in wanted.values():
        generation.update({"kind": kind, **content})
    document = deployment_document(
        kind=kind,
        app=intent.app,
        environment=intent.environment.name,
        release=release.digest,
        commit=release.source.commit,
        tree=release.source.tree,
        version=release.version,
        who=who,
        number=number,
        before=facts[lead.name].member.current,
        peer_key=peer_key,
        keep_warm_seconds=intent.environment.keep_warm_seconds,
        without=intent.environment.without,
    )
    plan = replace(outline(intent, document, [*wrong, *_notes(intent, release, hosts, facts, pending)]), pending=pending)
    if state.same == set(plan.members) and not wrong and not _due(pending, facts):
        return plan
    return _filled(plan, intent, release, wanted, facts, deployment=deployment, caddies=caddies)


def _filled(
    plan: Plan,
    intent: Intent,
    release: Release,
    wanted: Mapping[str, Json],
    facts: Mapping[str, HostFacts],
    *,
    deployment: str,
    caddies: Mapping[str, str],
) -> Plan:
    prepare = _prepare(plan, intent, release, wanted, facts, deployment=deployment, caddies=caddies)
    hosts = intent.environment.hosts
    number = plan.number
    pending, changes = plan.pending, bool(_of("activate", intent))
    points = point_waves(intent, wanted, number, changes=changes, may_migrate=pending is not None and pending.before)
    first = (*hold_waves(intent, wanted, pending), *points, *migration_waves(intent, number, pending))
    activate = waves("activate", "activated", hosts, _of("activate", intent), lambda task: steps.task_run(task, number))
    rolling = batches(intent, wanted, facts)
    after = after_commit(intent, number, pending)
    filled = replace(
        plan,
        batches=rolling,
        again=once_more(intent, rolling, wanted, facts),
        waves=(*prepare, *first, *activate, start_wave(intent, wanted, facts, deployment=deployment, number=number)),
        switch=switches(intent, wanted, facts),
        verify=verifications(intent, wanted, facts, number),
        finish=finishes(intent, wanted, facts, deployment=deployment, number=number),
        after=after,
        after_if_seen=pending is not None and not pending.of("contract"),
        gone_seconds=gone_seconds(facts) if after else 0.0,
        undo={name: undo for name in plan.members if (undo := _undo(intent, name, number))},
    )
    return holding(filled, facts) if pending is not None and pending.of("held") else filled


def _due(pending: Pending | None, facts: Mapping[str, HostFacts]) -> bool:
    """Whether a deployment of what serves already has migrations to run: those that waited for a release before it, once that is gone."""
    waiting = set(left_behind(pending, facts))
    return pending is not None and any(one.name in waiting and one.phase != "contract" for one in pending.migrations)


def _prepare(
    plan: Plan,
    intent: Intent,
    release: Release,
    wanted: Mapping[str, Json],
    facts: Mapping[str, HostFacts],
    *,
    deployment: str,
    caddies: Mapping[str, str],
) -> tuple[Wave, ...]:
    first: dict[str, list[Step]] = {}
    for host in intent.environment.hosts:
        document = wanted[host.name]
        first[host.name] = [
            *keep_steps(intent.environment, facts[host.name]),
            steps.tree_make(release, document["static"]),
            *(steps.toolchain_make(tool["place"], tool["manifest"]) for tool in document.get("toolchains", ())),
            steps.generation_make(plan.number, document, env_document(intent, host), **page_of(document, facts[host.name])),
        ]
        if serves(document):
            first[host.name].append(proxy_step(intent, host, facts[host.name], document, caddies.get(host.name)))
        first[host.name] += reboot_steps(intent, host)
    return waves(
        "prepare",
        "prepared",
        intent.environment.hosts,
        _of("prepare", intent),
        lambda task: steps.task_run(task, plan.number),
        first=first,
        last=with_look(
            with_files(wanted, votes(intent, facts, deployment=deployment, number=plan.number), plan.number),
            intent,
            plan.number,
            plan.pending,
        ),
    )


def _of(phase: Literal["prepare", "activate"], intent: Intent) -> list[Task]:
    return [task for task in intent.shipment.tasks if task.phase == phase]


def _undo(intent: Intent, host: str, number: int) -> tuple[Step, ...]:
    ran = [task for task in intent.shipment.tasks if task.phase == "activate"]
    return tuple(
        steps.task_undo(task, number) for task in reversed(ran) if task.undo is not None and host in runners(task, intent.environment.hosts)
    )


@dataclass(frozen=True, slots=True)
class _State:
    """Hosts that serve what is wanted, and what is wrong in a fleet of which some do; `alike` are also those on which it is stopped."""

    same: set[str]
    alike: set[str]
    wrong: tuple[str, ...]


def _compare(intent: Intent, hosts: Sequence[Host], wanted: Mapping[str, Json], facts: Mapping[str, HostFacts]) -> _State:
    live = {h.name: facts[h.name].live for h in hosts}
    same = {h.name for h in hosts if _matches(live[h.name], wanted[h.name], env_document(intent, h))}
    wrong: list[str] = []
    for host in hosts:
        document = live[host.name]
        wrong += [f"{host.name}: {text}" for text in facts[host.name].wrongs]
        if document is not None and host.name not in same and same:
            wrong.append(f"{host.name}: {_otherwise(document, wanted[host.name])}")
    numbers = {facts[name].member.current for name in same}
    if len(numbers) > 1:
        wrong.append(
            f"hosts serve this release as different generations: {', '.join(map(str, sorted(n for n in numbers if n is not None)))}"
        )
    content = {h.name for h in hosts if _matches(as_in_file(live[h.name]), as_in_file(wanted[h.name]) or {}, env_document(intent, h))}
    return _State(same, content, tuple(wrong))


def _alike(same: set[str], facts: Mapping[str, HostFacts]) -> Sequence[int]:
    """Generations that are there and have the content that these hosts serve; only of those anybody ever asks."""
    documents = {number: document for fact in facts.values() for number, document in fact.generations.items()}
    return sorted(alike(documents, (n for name in same if (n := facts[name].member.current) is not None)) & set(documents))


def _matches(live: Json | None, wanted: Json, env: Mapping[str, Any]) -> bool:
    return live is not None and same_generation(live, wanted, env)


def _otherwise(live: Json, wanted: Json) -> str:
    if live["release"] != wanted["release"]:
        return f"serves another release, {live.get('version') or str(live['release'])[:12]}"
    return f"serves this release with another configuration, as generation {live['number']}"


def _notes(intent: Intent, release: Release, hosts: Sequence[Host], facts: Mapping[str, HostFacts], pending: Pending | None) -> list[str]:
    notes = [*_undone_to_nothing(hosts, facts), *starts_again(facts), *under_maintenance(facts), *scale_notes(intent, facts)]
    notes += left_out_notes(intent)
    notes += open_notes(facts)
    notes += peer_notes(facts)
    notes += reboot_notes(intent, facts)
    notes += [f"{name} {version} travels with it" for name, version in dict.fromkeys((t.name, t.version) for t in release.tools)]
    notes += job_notes(job_table(intent), intent.environment, facts)
    notes += certificate_notes(intent, facts)
    notes += migration_notes(intent, pending, facts)
    notes += point_notes(intent, changes=bool(_of("activate", intent)) or (pending is not None and pending.before))
    for task in intent.shipment.tasks:
        if not runners(task, hosts):
            notes.append(f"{task.name} runs nowhere: no host has its roles ({', '.join(task.roles)})")
        elif task.phase == "activate" and task.undo is None:
            notes.append(_no_undo(task))
    return notes


def undo_notes(intent: Intent, facts: Mapping[str, HostFacts]) -> list[str]:
    """The notes of a deployment's plan that say how an undo of it would end: who can undo nothing, as `prepare`, leaves them out."""
    return [*_undone_to_nothing(intent.environment.hosts, facts), *(_no_undo(task) for task in intent.shipment.tasks)]


def _undone_to_nothing(hosts: Sequence[Host], facts: Mapping[str, HostFacts]) -> list[str]:
    new = [host.name for host in hosts if facts[host.name].member.current is None]
    return [f"{name}: nothing is current here yet; an undo leaves nothing current" for name in new]


def _no_undo(task: Task) -> str:
    return f"{task.name} has no undo: a failure after it is undone without it, and says so"
