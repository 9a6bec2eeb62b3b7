"""Events in, plain lines out, where there is no terminal: one line for each thing that matters, with its time and host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shipway.model.event import Event
from shipway.reports.clean import clean
from shipway.reports.fold import State
from shipway.reports.sizes import seconds, size

QUIET_SECONDS = 1.0
"""Steps of the machinery that take less are not worth a line; tasks, starts, proofs and failures always are."""

ALWAYS = ("task:", "undo:", "start", "workers", "prove", "switch")


class TextReport:
    """Prints what happens as it happens. `write` takes one line without its end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self.state = State()

    def on_event(self, event: Event) -> None:
        """Take one event and print what it means to a person, if anything."""
        self.state.add(event)
        since = event.at - (self.state.began_at or event.at)
        width = max([len(name) for name in self.state.hosts] or [0])
        for line in words(event):
            self._write(f"{since:7.1f} s  {clean(event.host).ljust(width)}  {line}".rstrip())


def words(event: Event) -> list[str]:
    """What an event means to a person: no line, or several."""
    say = _SAY.get(event.kind)
    return say(event.data) if say is not None else []


def _began(data: Mapping[str, Any]) -> list[str]:
    version = clean(data.get("version", ""))
    commit = clean(data.get("commit", ""))[:12]
    what = f"{version} (commit {commit})" if commit else version
    members = ", ".join(clean(name) for name in data.get("members", ()))
    return [f"{clean(data.get('kind', ''))} {what} in {clean(data.get('environment', ''))} on {members}".replace("  ", " ")] + [
        f"note: {clean(note)}" for note in data.get("notes", ())
    ]


def _connected(data: Mapping[str, Any]) -> list[str]:
    return [f"connected in {_seconds(data)}"]


def _barrier(data: Mapping[str, Any]) -> list[str]:
    return [f"-- {clean(data.get('name', ''))} -- all hosts, after {_seconds(data)}"]


def _shipped(data: Mapping[str, Any]) -> list[str]:
    blobs = int(data.get("blobs", 0))
    if not blobs:
        return ["has every file already"]
    return [f"received {blobs} files, {size(data.get('bytes', 0))} ({size(data.get('sent', 0))} on the wire)"]


def _step(data: Mapping[str, Any]) -> list[str]:
    key, state = str(data.get("key", "")), data.get("state")
    title = clean(data.get("title") or key)
    if state == "failed":
        error = data.get("error")
        said: Mapping[str, Any] = error if isinstance(error, Mapping) else data
        return [f"FAILED: {title}: {clean(said.get('message', error if isinstance(error, str) else ''))}"]
    if state == "skipped" or data.get("reused"):
        return [f"{title}: already done"] if key.startswith("task:") else []
    lasted = data.get("seconds")
    slow = isinstance(lasted, (int, float)) and lasted >= QUIET_SECONDS
    if state == "done" and (slow or key.startswith(ALWAYS)):
        return [f"{title}: {_seconds(data)}"]
    return [f"{title} …"] if state == "started" and key.startswith(("task:", "undo:")) else []


def _output(data: Mapping[str, Any]) -> list[str]:
    return [f"| {clean(data.get('line', ''))}"]


def _switched(data: Mapping[str, Any]) -> list[str]:
    return []  # the step `switch` has said it


def _decided(data: Mapping[str, Any]) -> list[str]:
    return [f"decided: {clean(data.get('decision', ''))}"]


def _went_back(data: Mapping[str, Any]) -> list[str]:
    return [f"went back by itself: {clean(data.get('reason', ''))}"]


def _lost(data: Mapping[str, Any]) -> list[str]:
    return [f"link lost: {clean(data.get('reason', ''))}; {clean(data.get('will', ''))}".rstrip("; ")]


def _waiting(data: Mapping[str, Any]) -> list[str]:
    return [f"waiting for {clean(data.get('what', ''))}, at most {seconds(float(data.get('bound_seconds', 0)))}"]


def _draining(data: Mapping[str, Any]) -> list[str]:
    left = data.get("seconds_left")
    bound = f", at most {seconds(float(left))} more" if isinstance(left, (int, float)) else ""
    return [f"{clean(data.get('name', 'processes'))} of generation {clean(data.get('generation', '?'))} still finishes{bound}"]


def _settled(data: Mapping[str, Any]) -> list[str]:
    other = data.get("deployment_settled", data.get("deployment", ""))
    return [f"deployment {clean(other)}, left open by another driver, is {clean(data.get('decision', ''))} now"]


def _note(data: Mapping[str, Any]) -> list[str]:
    return [f"note: {clean(line)}" for line in str(data.get("message", "")).split("\n") if line]


def _phase(data: Mapping[str, Any]) -> list[str]:
    return ["undoing"] if data.get("name") == "undo" else []


def _seconds(data: Mapping[str, Any]) -> str:
    value = data.get("seconds")
    return seconds(float(value)) if isinstance(value, (int, float)) else "?"


_SAY: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "began": _began,
    "connected": _connected,
    "barrier": _barrier,
    "shipped": _shipped,
    "step": _step,
    "output": _output,
    "switched": _switched,
    "phase": _phase,
    "decided": _decided,
    "went back": _went_back,
    "lost": _lost,
    "waiting": _waiting,
    "draining": _draining,
    "settled": _settled,
    "note": _note,
}
