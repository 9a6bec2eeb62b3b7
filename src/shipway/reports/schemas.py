"""Nothing in, the JSON Schemas that programs may rely on out: event lines, verdict line, report, status. bin/docs writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.model.event import KINDS
from shipway.model.history import VERDICTS

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REPORT_FORMAT = 1
"""Grows when a key of the report changes its meaning or goes; new keys do not count."""

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
SECONDS: Schema = {"type": "number", "minimum": 0}
TRUTH: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": schema}


def each(schema: Schema) -> Schema:
    """An object with these under names that nobody knows beforehand."""
    return {"type": "object", "additionalProperties": schema}


def fixed(**keys: Schema) -> Schema:
    """An object with exactly these keys, all of them there."""
    return {"type": "object", "properties": keys, "required": list(keys), "additionalProperties": False}


def least(required: Mapping[str, Schema], **more: Schema) -> Schema:
    """An object with at least `required`; `more` may be there, and others as well."""
    return {"type": "object", "properties": {**required, **more}, "required": list(required)}


PROBE = least({"what": TEXT, "ok": TRUTH}, seconds=maybe(SECONDS), detail=TEXT)
DECISION: Schema = {"enum": ["committed", "reverted"]}
PHASES = ("begin", "ship", "prepare", "activate", "start", "switch", "verify", "commit", "undo", "finish")
VERDICT: Schema = {"enum": [*VERDICTS, "answer"]}

DATA: Mapping[str, Schema] = {
    "began": least(
        {"kind": TEXT, "app": TEXT, "environment": TEXT, "who": TEXT, "members": listed(TEXT)},
        release=TEXT,
        commit=TEXT,
        tree=TEXT,
        version=TEXT,
        lead=TEXT,
        without=listed(TEXT),
        what=TEXT,
        command=TEXT,
        source={"type": "object", "additionalProperties": maybe(WHOLE)},
        target=WHOLE,
        notes=listed(TEXT),
        batches=listed(listed(TEXT)),
        changes=listed(least({"key": TEXT, "change": TEXT, "before": TEXT, "after": TEXT, "hosts": listed(TEXT)})),
        confirm_seconds=SECONDS,
        watch_seconds=SECONDS,
        expected=least({"kind": TEXT, "runs": WHOLE, "seconds": SECONDS, "phases": each(SECONDS)}),
    ),
    "connected": least({"seconds": SECONDS}),
    "leased": least({"fence": WHOLE, "seconds": SECONDS}),
    "phase": least({"name": {"enum": list(PHASES)}}, wave=TEXT, batch=WHOLE, batches=WHOLE, hosts=listed(TEXT)),
    "barrier": least({"name": TEXT, "seconds": SECONDS}, batch=WHOLE, batches=WHOLE, hosts=listed(TEXT)),
    "shipped": least({"blobs": WHOLE, "bytes": WHOLE, "sent": WHOLE}, seconds=SECONDS, peers=each(WHOLE)),
    "step": least(
        {"key": TEXT, "title": TEXT, "state": {"enum": ["started", "done", "failed", "skipped"]}},
        seconds=SECONDS,
        reused=TRUTH,
        answer={"type": "object"},
        error={"type": "object"},
    ),
    "output": least({"key": TEXT, "line": TEXT}),
    "switched": least({"seconds": SECONDS, "at_boot": {"type": "number"}}, generation=WHOLE, base=maybe(WHOLE)),
    "proved": least({"probes": listed(PROBE)}, downtime_seconds=maybe(SECONDS)),
    "decided": least({"decision": DECISION}),
    "told": least({"decision": DECISION}, downtime_seconds=SECONDS),
    "went back": least({"reason": TEXT}),
    "lost": least({"reason": TEXT, "will": TEXT}),
    "waiting": least({"what": TEXT, "bound_seconds": SECONDS}),
    "exchanged": least({"logins": WHOLE, "exchanges": {"type": "object", "additionalProperties": WHOLE}}),
    "draining": least({"name": TEXT}, generation=WHOLE, instance=WHOLE, state=TEXT, seconds_left={"type": "number"}),
    "settled": least({"deployment_settled": TEXT, "decision": DECISION}),
    "note": least({"message": TEXT}),
    "ended": least(
        {"verdict": VERDICT, "exit_code": WHOLE, "message": TEXT, "hint": TEXT, "seconds": SECONDS}, kind=TEXT, environment=TEXT, who=TEXT
    ),
}
"""What the data of each kind of event holds; keys that are not listed may come along."""


def events_schema() -> Schema:
    """One line of `--json`: an event, or the verdict, which is the last line."""
    lines = [_event(kind, data) for kind, data in DATA.items()]
    return {"$schema": DIALECT, "title": "A line of shipway --json", "oneOf": [*lines, _verdict_line()]}


def report_schema() -> Schema:
    """A file of .shipway/reports/."""
    step = fixed(
        key=TEXT,
        title=TEXT,
        phase=TEXT,
        wave=TEXT,
        state={"enum": ["started", "done", "failed", "skipped"]},
        began_seconds=SECONDS,
        ended_seconds=maybe(SECONDS),
        seconds=maybe(SECONDS),
        reused=TRUTH,
        error=maybe(fixed(code=TEXT, message=TEXT, lines=listed(TEXT))),
        last_output=listed(TEXT),
    )
    expected = fixed(name=TEXT, expected_seconds=maybe(SECONDS), seconds=maybe(SECONDS))
    change = fixed(key=TEXT, change=TEXT, before=TEXT, after=TEXT, hosts=listed(TEXT))
    wait = fixed(host=maybe(TEXT), what=TEXT, began_seconds=SECONDS, ended_seconds=maybe(SECONDS), bound_seconds=maybe(SECONDS))
    host = fixed(
        connected_seconds=maybe(SECONDS),
        leased_seconds=maybe(SECONDS),
        exchanged=maybe(fixed(logins=WHOLE, exchanges={"type": "object", "additionalProperties": WHOLE})),
        shipped=maybe(fixed(blobs=WHOLE, bytes=WHOLE, sent=WHOLE, seconds=maybe(SECONDS), peers=each(WHOLE))),
        steps=listed(step),
        switched=maybe(fixed(seconds=maybe(SECONDS), at_boot=maybe({"type": "number"}))),
        probes=listed(PROBE),
        downtime_seconds=maybe(SECONDS),
        decision=maybe(DECISION),
        told_seconds=maybe(SECONDS),
        went_back=maybe(TEXT),
        lost=maybe(TEXT),
        generation_before=maybe(WHOLE),
        last_output=listed(TEXT),
    )
    report = fixed(
        format={"const": REPORT_FORMAT},
        shipway=TEXT,
        deployment=TEXT,
        kind=TEXT,
        what=TEXT,
        app=TEXT,
        environment=TEXT,
        who=TEXT,
        began=TIME,
        ended=maybe(TIME),
        seconds=SECONDS,
        verdict={"enum": list(VERDICTS)},
        exit_code=maybe(WHOLE),
        message=TEXT,
        hint=TEXT,
        release=fixed(digest=TEXT, commit=TEXT, tree=TEXT, version=TEXT),
        generation=fixed(before=maybe(WHOLE), after=maybe(WHOLE)),
        lead=TEXT,
        without=listed(TEXT),
        decision=maybe(DECISION),
        decided_seconds=maybe(SECONDS),
        changes=maybe(listed(change)),
        phases=listed(fixed(name=TEXT, wave=TEXT, began_seconds=SECONDS, seconds=SECONDS, batch=maybe(WHOLE))),
        expected=maybe(fixed(kind=TEXT, runs=WHOLE, expected_seconds=SECONDS, seconds=SECONDS, phases=listed(expected))),
        batches=listed(listed(TEXT)),
        waits=listed(wait),
        activation_seconds=maybe(SECONDS),
        downtime_seconds=maybe(SECONDS),
        bytes_moved=fixed(content=WHOLE, sent=WHOLE, between_hosts=WHOLE),
        hosts={"type": "object", "additionalProperties": host},
        settled=listed(fixed(deployment=TEXT, decision=TEXT)),
        points=listed(fixed(data=TEXT, point=TEXT, host=TEXT, rows=WHOLE, bytes=WHOLE, seconds=maybe(SECONDS))),
        migrations=listed(fixed(migration=TEXT, phase=TEXT, host=TEXT, seconds=maybe(SECONDS))),
        draining=listed(fixed(host=TEXT, name=TEXT, generation=maybe(WHOLE), seconds_left=maybe(SECONDS))),
        notes=listed(TEXT),
    )
    return {"$schema": DIALECT, "title": "A report of shipway", **report}


def status_schema() -> Schema:
    """What `shipway status ENV --json` prints, on one line."""
    process = fixed(name=TEXT, instance=WHOLE, healthy=TRUTH, release=maybe(TEXT))
    run = {"for": TIME, "began": TIME, "generation": WHOLE}
    ended = {"ended": maybe(TIME), "seconds": maybe(SECONDS), "state": {"enum": list(RUNS)}, "exit": maybe(WHOLE), "lines": listed(TEXT)}
    job = fixed(
        name=TEXT,
        schedule=maybe(TEXT),
        timezone=maybe(TEXT),
        next=maybe(TIME),
        overdue=WHOLE,
        skipped=WHOLE,
        running=maybe(fixed(**run)),
        last=maybe(fixed(**run, **ended)),
    )
    host = fixed(
        host=TEXT,
        reachable=TRUTH,
        release=maybe(TEXT),
        commit=maybe(TEXT),
        version=maybe(TEXT),
        generation=maybe(WHOLE),
        state={"enum": list(STATES)},
        processes=listed(process),
        jobs=listed(job),
        warm=maybe(fixed(generation=WHOLE, seconds_left=SECONDS)),
        held=maybe(fixed(deployment=TEXT, seconds=WHOLE, point=maybe(TEXT), why=maybe(TEXT))),
        stopped=each(fixed(instances=WHOLE, since=SECONDS, who=TEXT)),
        closed=maybe(fixed(since=SECONDS, who=TEXT)),
        scaled=each(fixed(instances=WHOLE, file=WHOLE)),
        maintenance=maybe(
            least({"how": {"enum": ["page", "hold"]}, "since": SECONDS, "who": TEXT}, hold_seconds=maybe(WHOLE), message=TEXT)
        ),
        held_back=listed(fixed(commit=TEXT, version=TEXT, since=SECONDS, who=TEXT)),
        notifications=maybe(fixed(waiting=WHOLE, failed=WHOLE, last_error=maybe(TEXT))),
    )
    whole = fixed(environment=TEXT, agrees=TRUTH, release=maybe(TEXT), deployment=maybe(TEXT), hosts=listed(host))
    return {"$schema": DIALECT, "title": "The status of an environment", **whole}


STATES: Mapping[str, str] = {
    "live": "serves its generation, everything is as recorded",
    "stopped": "serves nobody, as `shipway stop` ordered: visitors get a page",
    "drifted": "serves its generation, and something is not as recorded: a dead process, a changed file",
    "behind": "serves an older generation than the last one that was committed: it was left out, or away",
    "undecided": "serves a generation that is not committed yet",
    "empty": "nothing is current here",
    "unreachable": "cannot be read: nothing is known of it",
    "unconfigured": "a recorded member that shipway.toml does not name: not asked",
}
"""The states of a host in a status."""

RUNS: Mapping[str, str] = {
    "done": "ended with 0",
    "failed": "ended with another code, or could not be started",
    "timeout": "did not end within `timeout_seconds`, and was ended",
    "lost": "nobody saw how it ended: the machine went down, or its processes were killed",
    "ended": "was ended with the application on that host",
}
"""How a run of a periodic job ends, in a status."""


def _event(kind: str, data: Schema) -> Schema:
    line = fixed(event={"const": kind}, at={"type": "number"}, deployment=TEXT, host=TEXT, data=data)
    return {**line, "description": KINDS[kind]}


def _verdict_line() -> Schema:
    line = fixed(
        event={"const": "verdict"}, verdict=VERDICT, exit_code=WHOLE, message=TEXT, hint=TEXT, deployment=TEXT, data={"type": "object"}
    )
    return {**line, "description": "the last line: how the command ended, with its exit code"}
