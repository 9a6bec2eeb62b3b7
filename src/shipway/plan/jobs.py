"""Intent in, the JOB objects of every generation document out: which host of the fleet runs each periodic job.

All hosts keep the whole list, so that whoever stays knows what a host that left was to run. One host has each job, the first that fits; who
is left out of a deployment keeps its own, for it may go on running them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from shipway.model.facts import HostFacts, Json
from shipway.model.intent import Data, Environment, Host, Intent, Job
from shipway.plan.runtimes.process import command, fits

COPY = "restore-point-"
"""What the name of a job begins with that takes restore points; behind it stands the data's."""


def job_table(intent: Intent) -> list[dict[str, Any]]:
    """All jobs, in the order of the file, each with its host; "" where none has its roles."""
    jobs = [_row(job, owner(job.roles, intent.environment)) for job in intent.shipment.jobs]
    return jobs + [_copy_row(data, data.schedule, intent.environment) for data in intent.environment.data if data.schedule is not None]


def carried_over(documents: Iterable[Json], environment: Environment) -> list[dict[str, Any]]:
    """The jobs of an earlier generation for the hosts of now: each stays where it was, and one whose host has left goes to another."""
    jobs = next((document["jobs"] for document in documents if document.get("jobs")), ())
    members = {host.name for host in _all(environment)}
    return [dict(job) if job["host"] in members else {**job, "host": owner(job["roles"], environment)} for job in jobs]


def owner(roles: Sequence[str], environment: Environment) -> str:
    """The first host by id that fits, those that are left out among them; "" where none does."""
    return next((host.name for host in _all(environment) if fits(roles, host)), "")


def job_notes(jobs: Sequence[Json], environment: Environment, facts: Mapping[str, HostFacts]) -> list[str]:
    """One sentence for each job that runs nowhere now, or moves from one host to another."""
    before = {str(job["name"]): str(job["host"]) for fact in facts.values() for job in (fact.live or {}).get("jobs", ())}
    away = {host.name for host in environment.without}
    notes = []
    for job in jobs:
        name, host = job["name"], job["host"]
        was = before.get(name, "")
        if not host:
            notes.append(f"job {name} runs nowhere: no host has its roles ({', '.join(job['roles'])})")
        elif host in away:
            lost = f"shipway host remove {environment.name} {host} --lost"
            notes.append(f"job {name} is {host}'s, which is left out: no other host runs it, unless {host} is gone for ever ({lost})")
        elif was and was != host:
            notes.append(f"job {name} goes from {was} to {host}: what is due until a minute after the commit is left out")
    return notes


def homeless(document: Json, members: Collection[str]) -> list[str]:
    """The jobs of a live generation whose host is none of the members: they run nowhere."""
    return [str(job["name"]) for job in document.get("jobs", ()) if job["host"] and job["host"] not in members]


def homeless_notes(leaving: str, environment: str, document: Json) -> list[str]:
    """One sentence for each job of a host that leaves. `document` is of a live generation."""
    jobs = [str(job["name"]) for job in document.get("jobs", ()) if job["host"] == leaving]
    return [f"job {name} runs nowhere from now on, until shipway deploy {environment} gives it to another host" for name in jobs]


def _all(environment: Environment) -> list[Host]:
    return sorted((*environment.hosts, *environment.without), key=lambda host: host.name)


def _copy_row(data: Data, schedule: str, environment: Environment) -> dict[str, Any]:
    """A restore point by the clock, which the agent itself takes; twice does no harm."""
    return {
        "name": f"{COPY}{data.name}",
        "host": owner(data.roles, environment),
        "roles": list(data.roles),
        "data": data.name,
        "schedule": schedule,
        "timezone": data.timezone,
        "catch_up": True,
        "timeout_seconds": data.timeout_seconds,
    }


def _row(job: Job, host: str) -> dict[str, Any]:
    return {
        "name": job.name,
        "host": host,
        "roles": list(job.roles),
        "run": command(job.run),
        "schedule": job.schedule,
        "timezone": job.timezone,
        "catch_up": job.catch_up,
        "timeout_seconds": job.timeout_seconds,
        "directory": job.directory,
    }
