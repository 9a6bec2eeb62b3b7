"""The facts of a fleet in, Findings out: members and shipway.toml, what is not decided, who is behind, and what the release meets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shipway.model.doing import ways_out
from shipway.model.errors import AGAIN
from shipway.model.facts import Attempt, HostFacts
from shipway.model.finding import Finding
from shipway.model.intent import Intent
from shipway.model.release import Release
from shipway.plan.facts import behind, newest_committed, recorded_members
from shipway.plan.gates import fleet_reasons
from shipway.plan.jobs import homeless


def fleet_findings(
    intent: Intent, release: Release | None, facts: Mapping[str, HostFacts], *, silent: bool, way_out: str = ""
) -> Iterator[Finding]:
    """What no host can say alone. `silent`: some host could not be asked. `way_out` is what to type where the lead of what is open is."""
    name = intent.environment.name
    again = f"shipway doctor {name}"
    for reason in fleet_reasons(intent, release, facts):
        if reason.code != "unread":
            yield Finding(reason.code, "wrong", reason.message, "", reason.details, reason.hint.replace(AGAIN, again))
    yield from _joining(intent, facts)
    yield from _open(name, facts, way_out)
    late = behind(facts)
    newest = newest_committed(facts)
    if newest is not None:
        commit = str(newest.document.get("commit", ""))[:12]
        update = f"shipway deploy {name}" + (f" --ref {commit}" if commit else "")
        for host in late:
            serving = facts[host].member.current
            what = "serves nothing" if serving is None else f"serves generation {serving}"
            left_out = host in newest.without
            why = f"{newest.deployment} was committed without it" if left_out else f"{newest.deployment} is committed"
            yield Finding(
                "behind", "wrong", f"{what}, and the environment generation {newest.fence}", host, (why,), f"{update} brings it up"
            )
    members = recorded_members(facts)
    for job in dict.fromkeys(job for fact in facts.values() for job in homeless(fact.live or {}, members) if members):
        yield Finding("job", "wrong", f"job {job} runs nowhere: its host has left", "", (), f"shipway deploy {name} gives it to another")
    if not silent and not late:
        yield from _agreement(name, facts)


def _joining(intent: Intent, facts: Mapping[str, HostFacts]) -> Iterator[Finding]:
    recorded = recorded_members(facts)
    for host in intent.environment.hosts:
        if recorded and host.name not in recorded and host.name in facts:
            next = f"shipway deploy {intent.environment.name} takes it in"
            yield Finding("member", "note", "it is in shipway.toml, and no deployment has had it yet", host.name, (), next)


def _open(environment: str, facts: Mapping[str, HostFacts], way_out: str) -> Iterator[Finding]:
    found: dict[str, list[tuple[str, Attempt]]] = {}
    for host, fact in sorted(facts.items()):
        for attempt in fact.member.unsettled:
            found.setdefault(attempt.deployment, []).append((host, attempt))
    for deployment, where in found.items():
        doing = [fact.doing for fact in facts.values() if fact.doing is not None and fact.doing.deployment == deployment]
        driven = any(not one.silent for one in doing)
        why = tuple(f"{attempt.stage} on {host}" for host, attempt in where)
        if driven:
            next = f"shipway attach {environment} watches it"
            yield Finding("undecided", "note", f"deployment {deployment} is under way", "", why, next)
            continue
        silence = tuple(dict.fromkeys(one.silence for one in doing if one.silence))
        next = way_out or ways_out(environment, doing)
        yield Finding(
            "undecided", "wrong", f"deployment {deployment} is not decided, and its driver is not heard", "", (*why, *silence), next
        )


def _agreement(environment: str, facts: Mapping[str, HostFacts]) -> Iterator[Finding]:
    members = [name for name in recorded_members(facts) if name in facts]
    live = {name: fact.live for name, fact in facts.items() if name in members}
    releases = {name: str(document["release"]) if document is not None else None for name, document in live.items()}
    if any(facts[name].member.unsettled for name in members) or not members:
        return
    if len(set(releases.values())) == 1:
        yield Finding("agreement", "ok", "all members serve one release" if len(members) > 1 else "its one member serves its release")
        return
    why = tuple(f"{name}: {'nothing' if release is None else f'release {release[:12]}'}" for name, release in releases.items())
    yield Finding(
        "agreement", "wrong", "the hosts do not agree on a release", "", why, f"shipway deploy {environment} makes them serve one"
    )
