"""A project and an intent in; out, what this machine has of what a deployment needs: programs, a clean commit, values, the release."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from shipway.execute.telling import Tell
from shipway.flows import programs
from shipway.flows.build_host import look_at_build_host
from shipway.flows.domains import resolved
from shipway.flows.front import caddy_here
from shipway.flows.notifications import check_variables
from shipway.flows.project import Project
from shipway.flows.values import environments
from shipway.flows.want import Wanted, filled
from shipway.model.errors import ShipwayError
from shipway.model.finding import Finding
from shipway.model.intent import Intent, Reference
from shipway.model.release import Release, Source
from shipway.plan.checks.domains import domain_findings
from shipway.plan.checks.errors import found
from shipway.plan.checks.operator import operator_findings
from shipway.release.checks import check_requires
from shipway.release.release import make_release
from shipway.release.standing import standing
from shipway_agent.record import dataclass, replace


@dataclass(frozen=True, slots=True)
class Operator:
    """What was found here. `release` is what HEAD would ship, None where that is known only after a build, or cannot be shipped."""

    findings: tuple[Finding, ...]
    release: Release | None


async def look_here(project: Project, wanted: Wanted, tell: Tell) -> Operator:
    """Ask everything on this machine. Nothing is built, no check of `requires` runs, and no value is shown."""
    intent, source = wanted.intent, wanted.source
    again = f"shipway doctor {intent.environment.name}"
    git, ssh = await asyncio.gather(asyncio.to_thread(programs.git), asyncio.to_thread(programs.ssh))
    findings = list(operator_findings(git, ssh, [host.address for host in intent.environment.hosts]))
    findings.append(_config(project, intent, source))
    findings += await asyncio.to_thread(_commit, project, intent, source, again)
    findings += await _values(project, wanted, tell, again)
    findings += await look_at_build_host(project.repository, intent, source, tell)
    if intent.environment.notify:
        well = "the variables of notifications are set"
        findings.append(_tried("notify", again, lambda: check_variables(intent.environment, os.environ), well))
    if (caddy := await asyncio.to_thread(_caddy, intent, again)) is not None:
        findings.append(caddy)
    findings += domain_findings(*await resolved(intent.environment), again)
    release, said = await asyncio.to_thread(_release, project, intent, source, again)
    return Operator((*findings, said), release)


def _config(project: Project, intent: Intent, source: Source) -> Finding:
    hosts = len(intent.environment.hosts)
    counted = "1 host" if hosts == 1 else f"{hosts} hosts"
    return Finding("config", "ok", f"{project.place.file} of {source.commit[:12]} has no faults: {intent.environment.name}, {counted}")


def _commit(project: Project, intent: Intent, source: Source, again: str) -> list[Finding]:
    """Whether `deploy` would ship HEAD: by its own rule, but for the checks, which may do anything."""
    requires = intent.environment.requires
    without_checks = replace(requires, checks=())
    paths = (project.place.file,)

    def check() -> None:
        check_requires(project.repository, source, without_checks, lambda line: None, subdirectory=intent.subdirectory, paths=paths)

    said = [_tried("commit", again, check, f"HEAD is {source.commit[:12]}, and meets what is required of it")]
    if requires.checks:
        count = "1 check" if len(requires.checks) == 1 else f"{len(requires.checks)} checks"
        said.append(Finding("checks", "note", f"{count} of `requires` ran not now", why=("each deployment runs them",)))
    if where := standing(project.repository).sentence:
        said.append(Finding("branch", "note", f"{where}; what is shipped is HEAD here"))
    return said


async def _values(project: Project, wanted: Wanted, tell: Tell, again: str) -> list[Finding]:
    count = sum(isinstance(value, Reference) for env in environments(wanted.intent).values() for value in env.values())
    if not count:
        return []
    try:
        await filled(project, wanted, tell)
    except ShipwayError as error:
        return [found("values", error, again)]
    return [Finding("values", "ok", f"{count} {'value' if count == 1 else 'values'} that nobody may see can be had")]


def _caddy(intent: Intent, again: str) -> Finding | None:
    try:
        have = caddy_here(intent)
    except ShipwayError as error:
        return found("caddy", error, again)
    return Finding("caddy", "ok", f"Caddy is installed: {have}") if have is not None else None


def _release(project: Project, intent: Intent, source: Source, again: str) -> tuple[Release | None, Finding]:
    if intent.shipment.build.run:
        why = ("the room that it needs on a host is known to `shipway plan`",)
        return None, Finding("release", "note", "the release is built by each deployment, and was not built now", why=why)
    try:
        release = make_release(project.repository, source, intent, lambda line: None).release
    except ShipwayError as error:
        return None, found("release", error, again)
    count = len(release.entries)
    paths = "1 path" if count == 1 else f"{count:,} paths"
    return release, Finding("release", "ok", f"HEAD can be shipped: {paths}, {release.size_bytes / 1_000_000:,.1f} MB")


def _tried(check: str, again: str, work: Callable[[], None], well: str) -> Finding:
    try:
        work()
    except ShipwayError as error:
        return found(check, error, again)
    return Finding(check, "ok", well)
