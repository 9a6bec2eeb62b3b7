"""A verdict and what led to it in, one screen of text out: what happened, what state things are in, the command to type next."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from shipway.model.verdict import Verdict
from shipway.reports.clean import clean
from shipway.reports.fold import Draining, HostState, State
from shipway.reports.json import activation_seconds
from shipway.reports.sizes import seconds, size
from shipway.reports.times import times_text

LINES = 30
"""Most lines of detail: the screen must hold the whole verdict. The report has them all."""

HEADS: Mapping[str, str] = {
    "live": "LIVE",
    "unchanged": "UNCHANGED",
    "prepared": "PREPARED",
    "restored": "RESTORED",
    "migrated": "MIGRATED",
    "undone": "UNDONE",
    "refused": "REFUSED",
    "unsettled": "NOT SETTLED",
    "removed": "REMOVED",
    "interrupted": "INTERRUPTED",
}


def verdict_text(verdict: Verdict, state: State, *, situation: str = "", details: Sequence[str] = (), report: str = "") -> list[str]:
    """`situation` is the state things are in, `details` more lines of an error, `report` where the whole story is.

    What the message says is said once, by it: a line of detail that repeats it is left out, and a failed step says that it failed.
    """
    ordered = verdict.verdict == "live" and bool(state.began.get("what"))  # a stop was carried out, and is nothing that is live
    head = "DONE" if ordered else HEADS.get(verdict.verdict, "")
    message = clean(verdict.message)
    lines = [f"{head}: {message}" if head else message]
    if situation:
        lines.append(f"  {clean(situation)}")
    lines += _measures(state)
    failed = [host for _, host in sorted(state.hosts.items()) if host.failure is not None] if verdict.exit_code else []
    told = {line for host in failed for line in _said(host)}
    shown = [line for line in map(clean, details) if line and line not in told and not _repeats(line, message, state.hosts)]
    lines += [f"  {line}" for line in _shortened(shown)]
    lines += _failures(failed, message)
    lines += [f"  still finishing: {_drain(draining)}" for draining in state.draining]
    if verdict.hint:
        lines.append(f"  next: {clean(verdict.hint)}")
    if verdict.exit_code and verdict.data.get("code"):
        lines.append(f"  about: shipway explain {clean(str(verdict.data['code']))}")
    if report:
        lines.append(f"  report: {clean(report)}")
    return lines


def _measures(state: State) -> list[str]:
    said = []
    activation = activation_seconds(state)
    if activation is not None:
        said.append(f"first switch to last proof {seconds(activation)}")
    downtimes = [host.downtime_seconds for host in state.hosts.values() if host.downtime_seconds is not None]
    if downtimes:
        said.append(f"downtime measured {seconds(max(downtimes))}")
    shipped = [host.shipped for host in state.hosts.values() if host.shipped]
    content, sent = sum(one.bytes for one in shipped), sum(one.sent for one in shipped)
    if content:
        passed_on = sum(sum(one.peers.values()) for one in shipped)
        more = f", {size(passed_on)} passed on between hosts" if passed_on else ""
        said.append(f"moved {size(content)} ({size(sent)} on the wire{more})")
    times = times_text(state)
    return [*([f"  {', '.join(said)}"] if said else []), *([f"  {times}"] if times else [])]


def _said(host: HostState) -> set[str]:
    """The lines of an error that the failure of the host says as well, and says better."""
    error = host.failure.error if host.failure is not None and host.failure.error is not None else {}
    return {clean(f"{host.name}: {line}") for line in (error.get("message", ""), *error.get("lines", ()))}


def _repeats(line: str, message: str, hosts: Collection[str]) -> bool:
    """Whether a line of detail is the message of the verdict, or says of a host what the message holds."""
    name, _, said = line.partition(": ")
    if name not in hosts or not said:
        return line.endswith(message)
    return line.endswith(message) or line in message or (message.endswith(f": {said}") and _names(message, name))


def _names(message: str, host: str) -> bool:
    return host in re.findall(r"[\w.-]+", message)


def _failures(failed: Sequence[HostState], message: str) -> list[str]:
    """What each of them says; what several say alike is shown once, below the lines that name them."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for host in failed:
        if said := _failure(host, message):
            alike.setdefault(tuple(said[1:]), []).append(said[0])
    return [line for below, heads in alike.items() for line in (*heads, *below)]


def _failure(host: HostState, message: str) -> list[str]:
    """The step that failed on a host, why where `message` does not say it, its last output and the answers of its probes."""
    work = host.failure
    if work is None or work.error is None:
        return []
    lasted = f" after {seconds(work.seconds)}" if work.seconds is not None else ""
    told = work.error["message"] in message and _names(message, host.name)
    why = "" if told else f": {work.error['message']}"
    lines = [f"  {clean(host.name)}: {work.title} failed{lasted}{why}"]
    output = list(work.error["lines"]) or list(host.lines)
    lines += [f"    | {line}" for line in output[-LINES // 2 :]]
    lines += [f"    probe: {probe.what}: {clean(probe.detail or 'no', most=300)}" for probe in host.probes if not probe.ok]
    facts: Mapping[str, Any] = work.error.get("facts", {})
    lines += [f"    {key}: {clean(facts[key], most=300)}" for key in ("answer", "exit", "log") if facts.get(key) is not None]
    return lines


def _drain(draining: Draining) -> str:
    bound = f", at most {seconds(draining.seconds_left)} more" if draining.seconds_left is not None else ""
    return f"{draining.name} of generation {draining.generation} on {clean(draining.host)}{bound}"


def _shortened(lines: Sequence[str]) -> list[str]:
    if len(lines) <= LINES:
        return list(lines)
    half = LINES // 2
    return [*lines[:half], f"… {len(lines) - 2 * half} lines more are in the report …", *lines[-half:]]
