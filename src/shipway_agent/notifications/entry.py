"""A moment and what a host remembers in; out, all that people should know about it, as JSON: bounded, without control characters."""

from __future__ import annotations

import time

from shipway_agent import clock
from shipway_agent import json_text as json
from shipway_agent.errors import AgentError
from shipway_agent.notifications.moments import (
    ALONE,
    BEHIND,
    CRASHED,
    JOB,
    LEFT_OUT,
    LIVE,
    REBOOT,
    SETTLED,
    SILENT,
    UNDONE,
    UNRESTORED,
    WENT_BACK,
    Moment,
)
from shipway_agent.primitives import generations
from shipway_agent.root import Root
from shipway_agent.states import DISCARDED
from shipway_agent.text import clean
from shipway_agent.typed import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

if TYPE_CHECKING:
    import sqlite3

MOST_LINES = 20
LONGEST_LINE = 300
LONGEST_SENTENCE = 1000

VERDICTS: Mapping[str, str] = {
    LIVE: "live",
    LEFT_OUT: "not settled",
    UNDONE: "undone",
    WENT_BACK: "not settled",
    BEHIND: "not settled",
    UNRESTORED: "not settled",
    CRASHED: "crashed",
    JOB: "job failed",
}
"""The words of the operator's verdict, so that both say the same of one deployment."""

Entry = Dict[str, Any]


def entry_of(db: sqlite3.Connection, root: Root, name: str, current: Optional[int], moment: Moment, message: Mapping[str, Any]) -> Entry:
    """What is told about a moment, for every target. `name` is this host's, `current` the generation that serves here now."""
    attempt = moment.attempt
    document = attempt.document
    said = message.get("reason") if moment.why not in (SILENT, SETTLED, ALONE, REBOOT) else None
    reason: Mapping[str, Any] = said if isinstance(said, dict) else {}
    step, lines = _last_step(db, attempt.deployment) if moment.kind not in (LIVE, LEFT_OUT, CRASHED, JOB) else ("", [])
    environment = _sentence(document.get("environment"))
    return {
        "event": moment.kind,
        "verdict": VERDICTS[moment.kind],
        "app": _sentence(document.get("app")),
        "environment": environment,
        "kind": _sentence(document.get("kind")),
        "order": _sentence(document.get("what")),
        "deployment": attempt.deployment,
        "commit": _sentence(document.get("commit")),
        "version": _sentence(document.get("version")),
        "who": _sentence(document.get("who")),
        "members": [str(member) for member in attempt.members],
        "sender": name,
        "host": _sentence(reason.get("host")) or _left_out(moment) or name,
        "what": _sentence(reason.get("what")) or _what(moment, name, message),
        "phase": _sentence(reason.get("where")),
        "step": _sentence(reason.get("step")) or step,
        "lines": bounded_lines(reason.get("lines", lines)),
        "silent_seconds": None if moment.silent_seconds is None else round(moment.silent_seconds, 1),
        "serving": _serving(root, current),
        "next": _sentence(reason.get("next")) or _next(moment, environment),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.wall_now())),
    }


def bounded_lines(lines: Any) -> List[str]:
    """The last lines, each cut where it is too long for a message."""
    if not isinstance(lines, (list, tuple)):
        return []
    return [_cut(clean(str(line)).replace("\n", " "), LONGEST_LINE) for line in lines[-MOST_LINES:]]


def _left_out(moment: Moment) -> str:
    """Who is behind from the start, "" where this is about something else."""
    return " and ".join(_sentence(host) for host in moment.attempt.document["without"]) if moment.kind == LEFT_OUT else ""


def _what(moment: Moment, name: str, message: Mapping[str, Any]) -> str:
    if moment.kind == LIVE:
        return f"committed on {moment.attempt.lead}, proved on every host"
    if moment.kind == LEFT_OUT:
        where = ", ".join(moment.attempt.members)
        return f"left out, and keeps what it served; committed on {moment.attempt.lead}, proved on {where}"
    if moment.kind == BEHIND:
        return _sentence(message.get("why")) or f"{name} cannot serve what was committed; it goes on trying"
    if moment.kind == UNRESTORED:
        return f"held: the restore point could not be put back: {_sentence(message.get('why'))}; requests wait, and {name} tries again"
    silence = "" if moment.silent_seconds is None else f" for {moment.silent_seconds:.0f} s"
    if moment.why == SETTLED:
        return "its driver left it undecided, and the next one undid it"
    if moment.why == REBOOT:
        return f"{name} was started anew before the decision"
    if moment.why == ALONE:
        why = _sentence(message.get("why"))
        return f"{name} heard neither its driver{silence} nor its lead{f' ({why})' if why else ''}, and went back alone; it goes on asking"
    before = "; nothing that users see was touched" if moment.attempt.stage == DISCARDED else ""
    return f"its driver has not been heard from{silence}{before}"


def _next(moment: Moment, environment: str) -> str:
    document = moment.attempt.document
    if moment.kind == LIVE:
        return f"shipway status {environment}"
    if moment.kind == LEFT_OUT:
        return f"shipway deploy {environment} --ref {_sentence(document.get('commit'))[:12]}, as soon as {_left_out(moment)} can be reached"
    if moment.kind in (WENT_BACK, BEHIND, UNRESTORED):
        return f"shipway resume {environment}"
    if moment.kind == CRASHED:
        return f"shipway rollback {environment}"
    if moment.kind == JOB:
        return f"shipway status {environment}"
    if document.get("command"):
        return f"shipway status {environment}, then {_sentence(document.get('command'))}"
    kind, commit = document.get("kind"), _sentence(document.get("commit"))
    if kind == "rollback":
        return f"shipway status {environment}, then shipway rollback {environment}"
    command = "prepare" if kind == "prepare" else "deploy"
    return f"shipway status {environment}, then shipway {command} {environment}" + (f" --ref {commit[:12]}" if commit else "")


def _last_step(db: sqlite3.Connection, deployment: str) -> Tuple[str, List[str]]:
    """The step that began last on this host and how it stands, in words; and its last lines where it failed."""
    row = db.execute("SELECT key, state, json FROM steps WHERE deployment = ? ORDER BY rowid DESC LIMIT 1", (deployment,)).fetchone()
    if row is None:
        return "", []
    words = {"intent": "begun", "done": "done", "failed": "failed", "unknown": "begun, and it has no known ending"}
    data = json.loads(row[2])
    lines = data.get("lines", []) if row[1] == "failed" and isinstance(data, dict) else []
    return _sentence(f"{str(row[0]).replace(':', ' ')} ({words.get(row[1], row[1])})"), lines


def _serving(root: Root, current: Optional[int]) -> Optional[Dict[str, Any]]:
    if current is None:
        return None
    try:
        document = generations.read(root, current) or {}
    except AgentError:
        document = {}  # the decision stands whether or not a document can be read
    return {"generation": current, "version": _sentence(document.get("version")), "commit": _sentence(document.get("commit"))}


def _sentence(value: Any) -> str:
    return "" if value is None else _cut(" ".join(clean(str(value)).split()), LONGEST_SENTENCE)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
