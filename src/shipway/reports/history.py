"""History in, lists for a person and objects for a program out: one line a deployment, one page for a single one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shipway.model.event import Event
from shipway.model.history import VERDICTS, History, Record
from shipway.reports.between import between
from shipway.reports.clean import clean
from shipway.reports.json import report
from shipway.reports.layout import layout
from shipway.reports.sizes import seconds, size
from shipway.reports.timeline import timeline


def history_text(history: History) -> list[str]:
    """A line a deployment, newest first; times are UTC."""
    if not history.records:
        return ["nothing is remembered here, and no host remembers a deployment"]
    rows: list[tuple[str, ...]] = [("began (UTC)", "deployment", "kind", "version", "commit", "verdict", "took", "who", "what")]
    rows += [_row(record) for record in history.records]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def history_json(history: History) -> list[dict[str, Any]]:
    """The same as JSON values."""
    return [record_json(record) for record in history.records]


def record_json(record: Record) -> dict[str, Any]:
    """One record as JSON values; times are seconds since the epoch."""
    return {
        "deployment": record.deployment,
        "kind": record.kind,
        "what": record.what,
        "app": record.app,
        "environment": record.environment,
        "release": record.release,
        "commit": record.commit,
        "version": record.version,
        "who": record.who,
        "began": record.began,
        "ended": record.ended,
        "verdict": record.verdict,
        "exit_code": record.exit_code,
        "message": record.message,
        "generation_before": record.generation_before,
        "generation_after": record.generation_after,
        "points": list(record.points),
        "migrations": list(record.migrations),
        "hosts": {name: dict(host) for name, host in record.hosts.items()},
    }


def show_text(record: Record, events: Sequence[Event] = (), *, width: int = 100) -> list[str]:
    """One deployment on a page: what, who, how it ended, the timeline, every step of every host.

    `events` are what its driver told; empty where it ran on another machine.
    """
    shipped = f"{clean(record.version)}, commit {clean(record.commit)}, release {clean(record.release)}"
    lines = [
        f"{record.kind or 'attempt'} {clean(record.deployment)} in {clean(record.environment) or 'no environment'}",
        f"  {record.verdict}: {VERDICTS.get(record.verdict, '')}",
        *([f"  {clean(record.what)}"] if record.what else []),
        *([f"  {clean(record.message)}"] if record.message else []),
        f"  {shipped if record.release else 'nothing was shipped'}",
        f"  by {clean(record.who) or 'somebody'}, {_time(record.began)} UTC, took {_took(record)}",
        f"  generation {_number(record.generation_before)} → {_number(record.generation_after)}",
        *(f"  restore point {clean(point)}, taken right before" for point in record.points),
        *([f"  migrated: {', '.join(map(clean, record.migrations))}"] if record.migrations else []),
    ]
    if record.kind == "exec":
        return [lines[0].replace(f"{record.kind} ", "command "), *lines[1:-3], lines[-2]]
    if not events:
        decisions = ", ".join(f"{clean(name)} {host.get('decision') or 'undecided'}" for name, host in sorted(record.hosts.items()))
        return [*lines, f"  hosts: {decisions}", "  its steps were told to another machine; its report is there"]
    told = report(events)
    return [*lines, "", *timeline(layout(told), width), "", *_hosts(told)]


def _hosts(told: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for name, host in told["hosts"].items():
        shipped = host["shipped"]
        passed_on = between(shipped["peers"]) if shipped else ""
        moved = f", {size(shipped['bytes'] or 0)} received{f' ({passed_on})' if passed_on else ''}" if shipped else ""
        down = f", downtime {seconds(host['downtime_seconds'])}" if host["downtime_seconds"] is not None else ""
        lines.append(f"{clean(name)}  {host['decision'] or 'undecided'}{moved}{down}")
        for step in host["steps"]:
            lasted = seconds(step["seconds"]) if step["seconds"] is not None else "no ending"
            error = f": {step['error']['message']}" if step["error"] else ""
            lines.append(f"  {step['began_seconds']:7.1f} s  {step['state']:<8} {clean(step['title'])} ({lasted}){error}")
        lines += [f"    {_probe(probe)}" for probe in host["probes"]]
    return lines


def _probe(probe: Mapping[str, Any]) -> str:
    return f"probe {'good' if probe.get('ok') else 'BAD'}: {clean(probe.get('what', ''))} {clean(probe.get('detail', ''))}".rstrip()


def _row(record: Record) -> tuple[str, ...]:
    return (
        _time(record.began),
        clean(record.deployment),
        record.kind or "-",
        clean(record.version) or "-",
        clean(record.commit)[:12] or "-",
        record.verdict,
        _took(record),
        clean(record.who) or "-",
        "; ".join(_what(record)),
    )


def _what(record: Record) -> list[str]:
    points = [f"restore point {clean(point)}" for point in record.points]
    ran = [f"migrated {', '.join(map(clean, record.migrations))}"] if record.migrations else []
    why = [clean(record.message).partition("; ")[0]] if record.verdict == "refused" and record.message else []
    return [*([clean(record.what)] if record.what else []), *why, *points, *ran]


def _took(record: Record) -> str:
    return seconds(max(0.0, record.ended - record.began)) if record.ended is not None else "-"


def _number(generation: int | None) -> str:
    return "nothing" if generation is None else str(generation)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
