"""What hosts say of themselves in, the status of an environment out: one JSON object for programs, a few lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.model.doing import Doing
from shipway.model.facts import Held, HostFacts, Json, LeftTask
from shipway.reports.clean import clean
from shipway.reports.jobs import job_json, job_text
from shipway.reports.notifications import trouble
from shipway.reports.standing import standing_json, standing_words

NOT_RUNNING = ("draining", "stopping", "gone")
"""States in which an instance of an earlier generation is on its way out."""


def status(
    environment: str, facts: Mapping[str, HostFacts | None], recorded: tuple[str, ...] = (), behind: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The object of `shipway status --json`. `facts` holds every configured host, None for one that cannot be read.

    `recorded` are the members of the last deployment: one that is not configured is listed and counts as disagreement. `behind`
    serve an older generation than the last that was committed.
    """
    found: dict[str, HostFacts | None] = {**dict.fromkeys(recorded), **facts}
    members = [name for name in found if name in recorded] or list(facts)
    live = {name: fact.live if fact is not None else None for name, fact in found.items()}
    releases = {str(document["release"]) if document is not None else None for document in (live[name] for name in members)}
    deployments = {str(document["deployment"]) if document is not None else None for document in (live[name] for name in members)}
    reached = all(found[name] is not None for name in members)
    settled = all(fact is None or not fact.member.unsettled for fact in found.values())
    agrees = reached and settled and len(releases) == 1 and not set(behind) & set(members)
    return {
        "environment": environment,
        "agrees": agrees,
        "release": next(iter(releases)) if reached and len(releases) == 1 else None,
        "deployment": next(iter(deployments)) if reached and len(deployments) == 1 else None,
        "hosts": [_host(name, found[name], configured=name in facts, behind=name in behind) for name in sorted(found)],
    }


def drift(facts: Mapping[str, HostFacts | None]) -> dict[str, tuple[str, ...]]:
    """What is not as recorded, per host; hosts where all is well are left out."""
    return {name: fact.wrongs for name, fact in sorted(facts.items()) if fact is not None and fact.wrongs}


def status_text(said: Mapping[str, Any], facts: Mapping[str, HostFacts | None], unreachable: Mapping[str, str] | None = None) -> list[str]:
    """The same for a person: a line a host, then what drains, what is not as recorded, and why a host cannot be read."""
    lines = [_headline(said), ""]
    rows: list[tuple[str, ...]] = [("host", "state", "version", "release", "generation", "processes")]
    rows += [_row(host) for host in said["hosts"]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"{name}: {clean(why)}" for name, why in sorted((unreachable or {}).items())]
    for name, wrongs in drift(facts).items():
        notes += [f"{name}: {clean(wrong)}" for wrong in wrongs]
    for name, fact in sorted(facts.items()):
        if fact is not None:
            notes += [f"{name}: {text}" for text in (*standing_words(fact.live or {}), *_doings(fact))]
    return [*lines, "", *notes] if notes else lines


def _host(name: str, fact: HostFacts | None, *, configured: bool, behind: bool) -> dict[str, Any]:
    document = fact.live if fact is not None else None
    return {
        "host": name,
        "reachable": fact is not None,
        "release": None if document is None else str(document["release"]),
        "commit": None if document is None else str(document.get("commit", "")),
        "version": None if document is None else str(document.get("version", "")),
        "generation": None if fact is None else fact.member.current,
        "state": _state(fact, configured, behind),
        "processes": [] if fact is None else _processes(fact),
        "jobs": [] if fact is None else [job_json(job) for job in fact.jobs],
        "warm": _warmth(fact),
        "held": _held(fact),
        **standing_json(document),
        "notifications": None if fact is None else _notifications(fact),
    }


def _warmth(fact: HostFacts | None) -> dict[str, Any] | None:
    """The earlier generation whose processes still run for a rollback, and for how long."""
    if fact is None or fact.member.warm is None or not fact.warm_copies:
        return None
    return {"generation": fact.member.warm.generation, "seconds_left": round(fact.warm_seconds, 1)}


def _held(fact: HostFacts | None) -> dict[str, Any] | None:
    """For which deployment nobody writes, how long a request waits, and what is to be put back before the host may go back."""
    held = fact.member.held if fact is not None else None
    if held is None:
        return None
    return {"deployment": held.deployment, "seconds": held.seconds, "point": held.point or None, "why": held.why or None}


def _notifications(fact: HostFacts) -> dict[str, Any]:
    box = fact.notifications
    return {"waiting": box.waiting, "failed": box.failed, "last_error": box.last_error or None}


def _state(fact: HostFacts | None, configured: bool, behind: bool) -> str:
    if fact is None:
        return "unreachable" if configured else "unconfigured"
    if fact.member.unsettled:
        return "undecided"
    if fact.member.current is None:
        return "empty"
    if behind:
        return "behind"
    if fact.wrongs:
        return "drifted"
    return "stopped" if fact.is_stopped else "live"


def _processes(fact: HostFacts) -> list[dict[str, Any]]:
    """Every instance that the live generation asks for, and any other that still takes part."""
    rows = []
    for (name, instance), row in fact.expected.items():
        running = row is not None and row.state == "up"
        healthy = row is not None and running and row.healthy
        rows.append(_process(name, instance, healthy, _release(fact, fact.member.current) if running else None))
    for extra in fact.processes:
        if extra.generation != fact.member.current and extra.state not in NOT_RUNNING and extra not in fact.warm_copies:
            rows.append(_process(extra.name, extra.instance, extra.healthy, _release(fact, extra.generation)))
    return rows


def _process(name: str, instance: int, healthy: bool, release: str | None) -> dict[str, Any]:
    return {"name": name, "instance": instance, "healthy": healthy, "release": release}


def _release(fact: HostFacts, generation: int | None) -> str | None:
    document: Json | None = fact.generations.get(generation) if generation is not None else None
    return None if document is None else str(document["release"])


def _headline(said: Mapping[str, Any]) -> str:
    if said["release"] is not None:
        versions = {host["version"] for host in said["hosts"] if host["release"] == said["release"]}
        version = f"{clean(versions.pop())}, " if len(versions) == 1 else ""
        serving = f"serves {version}release {said['release'][:12]}, deployment {clean(said['deployment'] or 'of several')}"
    else:
        serving = "has nothing current" if said["agrees"] else "does not agree on a release"
    undecided = any(host["state"] == "undecided" for host in said["hosts"])
    return f"{said['environment']} {serving}" + (", not decided yet" if undecided else "")


def _row(host: Mapping[str, Any]) -> tuple[str, ...]:
    processes = host["processes"]
    healthy = sum(1 for process in processes if process["healthy"])
    return (
        clean(host["host"]),
        host["state"],
        clean(host["version"] or "-"),
        (host["release"] or "-")[:12],
        "-" if host["generation"] is None else str(host["generation"]),
        f"{healthy} of {len(processes)} healthy" if processes else "-",
    )


def _doings(fact: HostFacts) -> list[str]:
    """What goes on: leases, steps, open deployments, drains. And what happens if all is left alone."""
    said = []
    if fact.doing is not None:
        said += _doing(fact.doing)
    said += [f"step {clean(busy.key)} of {clean(busy.deployment)} runs" for busy in fact.busy if fact.doing is None]
    held = fact.member.held
    if held is not None:
        said += [clean(line) for line in _holding(held)]
    for attempt in fact.member.unsettled:
        if held is not None and attempt.deployment == held.deployment:
            continue
        before = "nothing" if attempt.base is None else f"generation {attempt.base}"
        alone = f"goes back to {before} by itself unless it is confirmed"
        said.append(f"deployment {clean(attempt.deployment)} is {attempt.stage} and not decided; this host {alone}")
    said += [_left(task) for task in fact.left if task.state != "running"]
    said += _prepared(fact)
    said += [job_text(job) for job in fact.jobs]
    said += [text for text in (trouble(fact.notifications),) if text]
    said += [
        f"{clean(p.name)}.{p.instance} of generation {p.generation} still finishes ({p.state}), at most {p.seconds_left:.0f} s more"
        for p in fact.draining
        if p.generation != fact.member.current
    ]
    return [*said, *_warm(fact)]


def _holding(held: Held) -> list[str]:
    """Whom nobody is let in for, and where it stands with the data."""
    if not held.waits:
        return [f"workers and periodic jobs rest for deployment {held.deployment}"]
    said = [f"requests wait until deployment {held.deployment} is decided, each at most {held.seconds} s; this host never goes back alone"]
    if held.why:
        said.append(
            f"held: the restore point {held.point} could not be put back: {held.why}; it is tried again (so far {held.tries} times)"
        )
    elif held.point:
        said.append(f"its data may have changed: before it goes back it puts {held.point} back")
    return said


def _warm(fact: HostFacts) -> list[str]:
    """What a rollback would find running."""
    if not fact.warm_copies:
        return []
    copies = ", ".join(f"{clean(row.name)}.{row.instance}" for row in fact.warm_copies)
    number = fact.warm_copies[0].generation
    return [f"{copies} of generation {number} stays warm for {fact.warm_seconds:.0f} s more: a rollback to it starts nothing"]


def _left(task: LeftTask) -> str:
    name = f"{clean(task.task)} of {clean(task.deployment)}"
    if task.state == "unknown":
        return f"{name} began here, and nobody saw how it ended; the next command {'settles' if task.undo else 'names'} it"
    return f"{name} ran here and was not undone; the next command {'undoes' if task.undo else 'names'} it"


def _doing(doing: Doing) -> list[str]:
    """Whose deployment goes on, since when, how far; and what happens without its driver."""
    lease = "no lease any more"
    if doing.left_seconds is not None:
        since = f"since {doing.held_seconds:.0f} s, " if doing.held_seconds is not None else ""
        lease = f"{since}{doing.far}; its lease runs out in {doing.left_seconds:.0f} s"
    said = [f"deployment {doing.deployment} of {doing.owner or 'somebody'}, {lease}"]
    if doing.silence:
        said.append(doing.silence)
    return [clean(line) for line in said]


def _prepared(fact: HostFacts) -> list[str]:
    """Releases that `shipway prepare` brought here and that nothing serves yet."""
    served = {str(document["release"]) for number, document in fact.generations.items() if number in (*fact.good, fact.member.current)}
    names = {str(a.document["release"]): str(a.document.get("version", "")) for a in fact.member.attempts if a.document.get("release")}
    waiting = [release for release in fact.releases if release not in served]
    return [f"{clean(names.get(release) or 'a release')} is prepared (release {release[:12]})" for release in waiting]
