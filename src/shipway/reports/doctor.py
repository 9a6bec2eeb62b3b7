"""Findings in; out, a block for this machine, the environment and each host, worst first, and the same for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shipway.model.finding import SEVERITIES, Finding, Findings
from shipway.reports.clean import clean

WIDTH = max(len(severity) for severity in SEVERITIES)


def doctor_text(findings: Findings) -> list[str]:
    """For a person. What was mended comes first."""
    lines: list[str] = []
    if findings.fixed:
        lines += ["", "done"]
        lines += [f"  {clean(f'{host}: {what}' if host else what)}" for host, what in findings.fixed]
    for title, some in _groups(findings):
        lines += ["", clean(title)]
        for finding in _worst_first(some):
            lines += _finding(finding)
    return [*lines[1:], ""]


def doctor_json(findings: Findings) -> dict[str, Any]:
    """For programs; `side` is operator or fleet, `host` null where a finding is of none."""
    return {
        "environment": findings.environment,
        "findings": [
            {
                "side": side,
                "host": finding.host or None,
                "check": finding.check,
                "severity": finding.severity,
                "what": finding.what,
                "why": list(finding.why),
                "next": finding.next,
            }
            for side, some in (("operator", findings.operator), ("fleet", findings.fleet))
            for finding in _worst_first(some)
        ],
        "fixed": [{"host": host or None, "what": what} for host, what in findings.fixed],
    }


def _groups(findings: Findings) -> Iterator[tuple[str, Sequence[Finding]]]:
    yield "this machine", findings.operator
    for host in sorted({finding.host for finding in findings.fleet}):
        title = f"host {host}" if host else findings.environment
        yield title, [finding for finding in findings.fleet if finding.host == host]


def _worst_first(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _finding(finding: Finding) -> list[str]:
    indent = " " * (WIDTH + 4)
    lines = [f"  {finding.severity.ljust(WIDTH)}  {clean(finding.what)}"]
    lines += [f"{indent}{clean(line)}" for line in finding.why]
    return [*lines, f"{indent}next: {clean(finding.next)}"] if finding.next else lines
