"""Intent, facts and the name of an earlier generation in, the Plan that makes it current again out. Nothing is shipped or built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts, Json, serves
from shipway.model.intent import Intent
from shipway.model.loan import Loan
from shipway.model.plan import Plan, Step, Wave
from shipway.plan import steps
from shipway.plan.activation import finishes, lead_of, start_wave, switches, verifications, votes, with_files
from shipway.plan.data.between import between
from shipway.plan.data.points import data_again
from shipway.plan.documents import document_again, member_addresses
from shipway.plan.facts import left_out_notes, open_notes, peer_notes
from shipway.plan.front import proxy_step
from shipway.plan.gates import UNTOUCHED, pass_gates
from shipway.plan.jobs import carried_over, job_notes
from shipway.plan.notifications import keep_steps
from shipway.plan.outline import outline
from shipway.plan.reboot import reboot_steps
from shipway.plan.standing import CLOSED, STOPPED, as_now, page_of, starts_again, under_maintenance
from shipway.plan.target import PREVIOUS, Target, find_target, lacking, prepare_tasks
from shipway_agent.previous import SOURCE
from shipway_agent.record import replace


def plan_rollback(
    intent: Intent,
    facts: Mapping[str, HostFacts],
    target: str = PREVIOUS,
    *,
    deployment: str,
    who: str,
    number: int,
    caddies: Mapping[str, str],
    peer_key: str,
    loans: Mapping[str, Loan] | None = None,
    schema: Json | None = None,
    kind: Literal["rollback", "revert"] = "rollback",
    again: bool = False,
    keys: Json | None = None,
) -> Plan:
    """A new generation `number` that copies the target: its release, its process table, its values of the environment.

    `loans` is what other members lend to hosts that lack the target, `caddies` the proxy that travels to those with it, by host.
    `schema` is what the host that runs migrations says of them, None where what serves has none. `keys` of the new generation are
    otherwise than in the target. Nothing to do when the target serves everywhere and is well, unless it is wanted `again`. Raises Refused:
    the gates' reasons, a target that is unknown or ambiguous (naming the candidates), members that lack it (naming them), migrations that
    it cannot live with.
    """
    loans = loans or {}
    pass_gates(intent, None, facts)
    environment = intent.environment
    found = find_target(environment.name, facts, target)
    short = [name for name in lacking(facts, found.number) if name not in loans]
    if short:
        raise Refused(
            f"generation {found.number} is not on {', '.join(short)}{_not_lent(found.document)}",
            state=UNTOUCHED,
            hint=f"shipway deploy {environment.name} --ref {str(found.document.get('commit', ''))[:12]} brings that commit to every host",
            code="target-lacking",
        )
    lead = lead_of(environment.hosts)
    across = _across(environment.name, schema, facts[lead.name], found) if kind == "rollback" else []
    overrides = {
        "deployment": deployment,
        "kind": kind,
        "who": who,
        "made": facts[lead.name].hello.clock,
        SOURCE: found.number,
    }
    known = member_addresses(intent)
    targets = {h.name: _target_on(facts[h.name], loans.get(h.name), found.number) for h in environment.hosts}
    overrides.update(data_again(intent, targets))
    if jobs := carried_over(list(targets.values()), environment):
        overrides["jobs"] = jobs
    over = {
        name: {**overrides, "members": known[name], **as_now(target, facts[name], facts), **(keys or {})}
        for name, target in targets.items()
    }
    documents: dict[str, Json] = {name: {**target, **over[name], "number": number} for name, target in targets.items()}
    there = not again and all(_is_there(facts[h.name], found.number) for h in environment.hosts)
    notes = [
        f"back to generation {found.number}, with its own configuration",
        *(f"{name}: gets generation {found.number} from {loan.lender}" for name, loan in sorted(loans.items())),
        *([] if there else [*starts_again(facts), *under_maintenance(facts)]),
        *across,
        *left_out_notes(intent),
        *job_notes(jobs, environment, facts),
        *([] if there else _warm_notes(facts, found.number)),
        *open_notes(facts),
        *peer_notes(facts),
    ]
    document = document_again(
        intent,
        found.document,
        kind=kind,
        who=who,
        number=number,
        before=facts[lead.name].member.current,
        peer_key=peer_key,
        keep_warm_seconds=environment.keep_warm_seconds,
        without=environment.without,
    )
    plan = outline(intent, document, notes)
    if there:
        return plan
    return replace(
        plan,
        waves=_waves(intent, facts, documents, over, found.number, number, deployment, caddies, loans),
        switch=switches(intent, documents, facts),
        verify=verifications(intent, documents, facts, number),
        finish=finishes(intent, documents, facts, deployment=deployment, number=number),
    )


def _across(environment: str, schema: Json | None, lead: HostFacts, target: Target) -> list[str]:
    """Code alone does not go across a migration that the target cannot live with, that nobody can take back, or that it is made for.

    Where nobody can say what it crosses, a person is told that.
    """
    number, live = target.number, lead.member.current
    if schema is None or live is None or not schema.get("known"):
        return _unasked(lead.live or {}, target)
    found = between(schema, live, number)
    if crossed := found.in_the_way:
        raise Refused(
            f"generation {number} is older than {', '.join(crossed)}",
            state=UNTOUCHED,
            hint=f"shipway revert {environment} {number} says what it takes to bring the schema back too",
            code="migrations-between",
            details=[f"{name}: {why}" for name, why in crossed.items()],
        )
    if found.lacks:
        raise Refused(
            f"generation {number} needs {', '.join(found.lacks)}, which the schema has no more",
            state=UNTOUCHED,
            hint=f"shipway revert {environment} {number} runs it again",
            code="migrations-between",
            details=[f"{name}: was taken back since" for name in found.lacks],
        )
    if found.known:
        return []
    return [f"nobody wrote down which schema generation {number} left: whether it can live with the one that is there is not known"]


def _unasked(live: Json, target: Target) -> list[str]:
    if row := live.get("migrations"):
        return [
            f"{row['host']}, which runs migrations, was not asked: whether generation {target.number} can live with the schema is not known"
        ]
    if target.document.get("migrations"):
        return [f"what serves declares no migrations: whether the schema is as generation {target.number} needs it is not known"]
    return []


def _is_there(fact: HostFacts, number: int) -> bool:
    live = fact.live or {}
    return fact.member.current == number and not (fact.wrongs or live.get(STOPPED) or live.get(CLOSED))


def _target_on(fact: HostFacts, loan: Loan | None, number: int) -> Json:
    return loan.document if loan is not None else fact.generations[number]


def _not_lent(document: Json) -> str:
    """Why no other member lends it."""
    tasks = prepare_tasks(document)
    return f", and what {', '.join(tasks)} made of it on other hosts does not travel" if tasks else ""


def _warm_notes(facts: Mapping[str, HostFacts], number: int) -> list[str]:
    """What a person may expect of it: whether the processes it goes back to still run."""
    warm = [name for name in sorted(facts) if facts[name].is_warm(number)]
    if not warm:
        return []
    seconds = min(facts[name].warm_seconds for name in warm)
    where = "" if len(warm) == len(facts) else f" on {', '.join(warm)}"
    return [f"generation {number} is warm{where} for {seconds:.0f} s more: the rename alone, no process is started"]


def _waves(
    intent: Intent,
    facts: Mapping[str, HostFacts],
    documents: Mapping[str, Json],
    over: Mapping[str, Mapping[str, Any]],
    source: int,
    number: int,
    deployment: str,
    caddies: Mapping[str, str],
    loans: Mapping[str, Loan],
) -> tuple[Wave, ...]:
    last = with_files(documents, votes(intent, facts, deployment=deployment, number=number), number)
    prepare: dict[str, tuple[Step, ...]] = {}
    for host in sorted(intent.environment.hosts, key=lambda h: h.name):
        document = documents[host.name]
        tree = steps.tree_again(str(document["release"]), static=document.get("static"))
        copy = steps.generation_copy(number, source, over[host.name], **page_of(document, facts[host.name]))
        loan = loans.get(host.name)
        binary = None if loan is None else caddies.get(host.name)
        lent = () if loan is None or source in facts[host.name].generations else (steps.generation_lent(source, loan.document, loan.env),)
        proxy = (proxy_step(intent, host, facts[host.name], document, binary),) if serves(document) else ()
        keep = keep_steps(intent.environment, facts[host.name])
        starts = () if loan is None else reboot_steps(intent, host)
        prepare[host.name] = (*keep, tree, *lent, copy, *proxy, *starts, *last[host.name])
    warm = [name for name, fact in facts.items() if fact.is_warm(source)]
    start = start_wave(intent, documents, facts, deployment=deployment, number=number, warm=warm)
    return (Wave("prepared", "prepare", prepare), start)
