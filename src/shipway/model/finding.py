"""Finding: one thing that was looked at before or between deployments, how it stands, and the command that mends it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from shipway_agent.record import dataclass

Severity: TypeAlias = Literal["wrong", "note", "ok"]

SEVERITIES: tuple[Severity, ...] = ("wrong", "note", "ok")
"""Worst first. `wrong` stands in the way of a deployment or of what serves; `note` is to be known; `ok` was looked at and is well."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names what was looked at, the same in every run; `host` is empty where it is about the operator's side or the fleet.

    `what` is the finding in one sentence, `why` its cause in lines, `next` the command that mends it: never empty where it is wrong.
    """

    check: str
    severity: Severity
    what: str
    host: str = ""
    why: tuple[str, ...] = ()
    next: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found: on the operator's side, and of an environment and its hosts. `fixed` holds (host, sentence) of what was mended."""

    environment: str
    operator: tuple[Finding, ...]
    fleet: tuple[Finding, ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """All of one severity."""
        return tuple(finding for finding in (*self.operator, *self.fleet) if finding.severity == severity)


@dataclass(frozen=True, slots=True)
class Stray:
    """A process of the application on a host that belongs to no copy its supervisor knows. `copy` is NAME.INSTANCE."""

    pid: int
    copy: str
    generation: int


@dataclass(frozen=True, slots=True)
class Orphan:
    """A task on a host whose agent is gone. It is ended in `seconds_left` by whoever deploys next, and until then nobody can."""

    deployment: str
    task: str
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a visitor of a domain is shown. `days_left` is None where none was shown that a visitor trusts; `fault` says why then."""

    days_left: float | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a host was asked beside its facts. `listen` is where requests should come in, `listen_fault` why they cannot, "" when they can.

    `skew_seconds` is by how much its clock is ahead of ours, at least; 0 where the two may be equal.
    """

    listen: str = ""
    listen_fault: str = ""
    skew_seconds: float = 0.0
    strays: tuple[Stray, ...] = ()
    orphans: tuple[Orphan, ...] = ()
