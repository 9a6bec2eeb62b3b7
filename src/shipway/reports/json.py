"""Events and verdicts in, JSON for programs out: the lines of --json, and the report of an attempt."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from shipway import __version__
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.reports.clean import clean
from shipway.reports.fold import Ended, HostState, State, Wait, Work, fold
from shipway.reports.reading import listed, mapped, text, whole
from shipway.reports.schemas import REPORT_FORMAT
from shipway.reports.times import times_json
from shipway_agent.record import asdict

ACTIVATION = ("switch", "verify")
"""Phases that users could notice: from the first rename to the last proof."""


def event_line(event: Event) -> str:
    """One event on one line, ASCII only: nothing that a host sent can reach a terminal."""
    return _line({"event": event.kind, "at": event.at, "deployment": event.deployment, "host": event.host, "data": event.data})


def verdict_line(verdict: Verdict) -> str:
    """The verdict on one line, the last of --json."""
    return _line(
        {
            "event": "verdict",
            "verdict": verdict.verdict,
            "exit_code": verdict.exit_code,
            "message": verdict.message,
            "hint": verdict.hint,
            "deployment": verdict.deployment,
            "data": verdict.data,
        }
    )


def object_line(value: Mapping[str, Any]) -> str:
    """Any object on one line."""
    return _line(value)


def report(events: Iterable[Event]) -> dict[str, Any]:
    """The report of an attempt, as docs/reference/report.schema.json says."""
    return report_of(fold(events))


def report_of(state: State) -> dict[str, Any]:
    """The same from what its events fold to: so far, for an attempt that goes on."""
    began, ended = state.began, state.ended or Ended("interrupted", None, "", "")
    tried = began or state.tried
    start = state.began_at or 0.0
    sources = mapped(began, "source")
    lead = text(began, "lead")
    shipped = [host.shipped for host in state.hosts.values() if host.shipped]
    downtimes = [host.downtime_seconds for host in state.hosts.values() if host.downtime_seconds is not None]
    return {
        "format": REPORT_FORMAT,
        "shipway": __version__,
        "deployment": state.deployment,
        "kind": text(tried, "kind"),
        "what": text(began, "what"),
        "app": text(began, "app"),
        "environment": text(tried, "environment"),
        "who": text(tried, "who"),
        "began": _time(start),
        "ended": _time(state.ended_at) if state.ended_at is not None else None,
        "seconds": _seconds(state.last_at - start),
        "verdict": ended.verdict,
        "exit_code": ended.exit_code,
        "message": ended.message,
        "hint": ended.hint,
        "release": {
            "digest": text(began, "release"),
            "commit": text(began, "commit"),
            "tree": text(began, "tree"),
            "version": text(began, "version"),
        },
        "generation": {"before": whole(sources, lead), "after": whole(began, "target")},
        "lead": lead,
        "without": [clean(name) for name in listed(began, "without")],
        "decision": state.decision or None,
        "decided_seconds": _since(state.decided_at, start),
        "changes": _changes(began),
        "phases": [
            {
                "name": p.name,
                "wave": p.wave,
                "began_seconds": _seconds(p.began - start),
                "seconds": _seconds((p.ended or p.began) - p.began),
                "batch": p.batch,
            }
            for p in state.phases
        ],
        "expected": times_json(state),
        "batches": state.batches,
        "waits": [_wait(wait, start) for wait in state.waits],
        "activation_seconds": activation_seconds(state),
        "downtime_seconds": max(downtimes) if downtimes else None,
        "bytes_moved": {
            "content": sum(one.bytes for one in shipped),
            "sent": sum(one.sent for one in shipped),
            "between_hosts": sum(sum(one.peers.values()) for one in shipped),
        },
        "hosts": {name: _host(host, start, sources) for name, host in sorted(state.hosts.items())},
        "settled": [{"deployment": other, "decision": decision} for other, decision in state.settled],
        "points": [asdict(point) for point in state.points],
        "migrations": [asdict(one) for one in state.migrations],
        "draining": [asdict(draining) for draining in state.draining],
        "notes": state.notes,
    }


def activation_seconds(state: State) -> float | None:
    """From the first switch to the last proof, on the operator's clock; None for what did not stay."""
    if state.decision != "committed":
        return None
    times = [(p.began, p.ended) for p in state.phases if p.name in ACTIVATION]
    ends = [ended for _, ended in times if ended is not None]
    return _seconds(max(ends) - min(began for began, _ in times)) if ends else None


def _host(host: HostState, start: float, sources: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "connected_seconds": host.connected_seconds,
        "leased_seconds": host.leased_seconds,
        "exchanged": asdict(host.exchanged) if host.exchanged else None,
        "shipped": asdict(host.shipped) if host.shipped else None,
        "steps": [_step(work, start) for work in host.steps],
        "switched": {"seconds": host.switched_seconds, "at_boot": host.switched_at_boot} if host.switched_at_boot is not None else None,
        "probes": [asdict(probe) for probe in host.probes],
        "downtime_seconds": host.downtime_seconds,
        "decision": host.decision,
        "told_seconds": _since(host.told_at, start),
        "went_back": host.went_back,
        "lost": host.lost,
        "generation_before": whole(sources, host.name),
        "last_output": list(host.lines),
    }


def _step(work: Work, start: float) -> dict[str, Any]:
    measured = work.seconds if work.seconds is not None else None if work.ended is None else _seconds(work.ended - work.began)
    return {
        "key": work.key,
        "title": work.title,
        "phase": work.phase,
        "wave": work.wave,
        "state": work.state,
        "began_seconds": _seconds(work.began - start),
        "ended_seconds": _since(work.ended, start),
        "seconds": measured,
        "reused": work.reused,
        "error": {key: work.error[key] for key in ("code", "message", "lines")} if work.error else None,
        "last_output": list(work.lines),
    }


def _wait(wait: Wait, start: float) -> dict[str, Any]:
    return {
        "host": clean(wait.host) or None,
        "what": wait.what,
        "began_seconds": _seconds(wait.began - start),
        "ended_seconds": _since(wait.ended, start),
        "bound_seconds": wait.bound_seconds,
    }


def _changes(began: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """What the attempt changed in the configuration; None where nobody compared it."""
    if not isinstance(began.get("changes"), list):
        return None
    return [
        {**{key: text(one, key) for key in ("key", "change", "before", "after")}, "hosts": [clean(name) for name in listed(one, "hosts")]}
        for one in listed(began, "changes")
        if isinstance(one, Mapping)
    ]


def _seconds(value: float) -> float:
    return round(max(0.0, value), 6)


def _since(at: float | None, start: float) -> float | None:
    return None if at is None else _seconds(at - start)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=str)
