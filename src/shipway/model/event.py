"""Event: one thing that happened. Terminal, report, JSON output and history are folds over the same stream of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway_agent.record import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """`kind` is one of KINDS; `at` is seconds since the epoch on the operator's clock, for people only.

    `host` is empty for what concerns the fleet; `data` holds JSON values and never a secret.
    """

    kind: str
    at: float
    deployment: str = ""
    host: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


KINDS: Mapping[str, str] = {
    "began": "an attempt has an id: kind, app, environment, release, commit, version, who, from, to",
    "connected": "a channel to a host is open: seconds",
    "leased": "a host granted its lease: fence, seconds",
    "phase": "the fleet entered a phase: name (begin, ship, prepare, activate, start, switch, verify, commit, undo, finish); in a rolling "
    "deployment also batch, batches and hosts",
    "barrier": "all hosts (of the batch) passed: name, seconds",
    "shipped": "blobs reached a host: blobs, bytes (of content), sent (from here, on the wire), peers (bytes from other hosts, by name)",
    "step": "a step of a host: key, title, state (started, done, failed, skipped), seconds, answer or error",
    "output": "a line of a task or process: key, line",
    "switched": "a host serves the new generation: generation, seconds, at_boot (the host's own clock)",
    "proved": "a host proved what it serves: probes, downtime_seconds (measured from before its switch; null without a front door)",
    "decided": "the lead recorded the decision: decision",
    "told": "a host acknowledged the decision: decision, downtime_seconds (from before its switch until it followed the decision)",
    "went back": "a host went back by itself: reason",
    "lost": "the link to a host is gone: reason, will (what the host does by itself)",
    "waiting": "the driver waits: what, bound_seconds",
    "exchanged": "what a host and the driver exchanged: logins, exchanges (by phase; questions with their answers, renewals aside)",
    "draining": "old processes still finish: generation, processes",
    "settled": "a deployment left open by another driver was settled: deployment, decision",
    "note": "something a person should know: message",
    "ended": "the verdict: verdict, exit_code, message, hint, seconds; without a `began` also what was tried: kind, environment, who",
}
