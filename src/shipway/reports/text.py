"""Events in, plain lines out, where there is no terminal: one line for each thing that matters, with its time and host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from shipway.model.event import Event
from shipway.reports.between import between
from shipway.reports.cause import cause
from shipway.reports.clean import clean
from shipway.reports.few import named
from shipway.reports.fold import State
from shipway.reports.reading import duration, listed, mapped, text, whole
from shipway.reports.sizes import seconds, size

Data: TypeAlias = Mapping[str, Any]

QUIET_SECONDS = 1.0
"""Steps of the machinery that take less are not worth a line; tasks, starts, proofs and failures always are."""

ALWAYS = ("task:", "undo:", "start", "workers", "prove", "switch")


class TextReport:
    """Prints what happens as it happens. `write` takes one line without its end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self.state = State()
        self._hosts, self._width = 0, 0

    def on_event(self, event: Event) -> None:
        """Take one event and print what it means to a person, if anything."""
        self.state.add(event)
        since = event.at - (self.state.began_at or event.at)
        if len(self.state.hosts) != self._hosts:
            self._hosts, self._width = len(self.state.hosts), max(len(name) for name in self.state.hosts)
        for line in words(event):
            self._write(f"{since:7.1f} s  {clean(event.host).ljust(self._width)}  {line}".rstrip())


def words(event: Event) -> list[str]:
    """What an event means to a person: no line, or several."""
    say = _SAY.get(event.kind)
    return say(event.data) if say is not None else []


def _began(data: Data) -> list[str]:
    commit = text(data, "commit")[:12]
    version = f"{text(data, 'version')} (commit {commit})" if commit else text(data, "version")
    what = " ".join(word for word in (text(data, "what") or text(data, "kind"), version) if word)
    members = named([str(name) for name in listed(data, "members")])
    return [f"{what} in {text(data, 'environment')} on {members}", *(f"note: {clean(note)}" for note in listed(data, "notes"))]


def _connected(data: Data) -> list[str]:
    return [f"connected in {_seconds(data)}"]


def _barrier(data: Data) -> list[str]:
    hosts = named([str(name) for name in listed(data, "hosts")])
    who = f"batch {whole(data, 'batch')} of {whole(data, 'batches')} ({hosts})" if whole(data, "batch") is not None else "all hosts"
    return [f"-- {text(data, 'name')} -- {who}, after {_seconds(data)}"]


def _shipped(data: Data) -> list[str]:
    blobs = whole(data, "blobs")
    if not blobs:
        return ["has every file already"]
    sent, peers = size(whole(data, "sent") or 0), mapped(data, "peers")
    wire = f"{sent} from here, {between(peers)}" if peers else f"{sent} on the wire"
    return [f"received {blobs} files, {size(whole(data, 'bytes') or 0)} ({wire})"]


def _step(data: Data) -> list[str]:
    key, state = text(data, "key"), data.get("state")
    title = text(data, "title") or key
    if state == "failed":
        error = data.get("error")
        return [f"FAILED: {title}: {cause(error if isinstance(error, str) else text(mapped(data, 'error') or data, 'message'))}"]
    if state == "skipped" or data.get("reused") is True:
        return [f"{title}: already done"] if key.startswith("task:") else []
    if state == "done" and ((duration(data, "seconds") or 0.0) >= QUIET_SECONDS or key.startswith(ALWAYS)):
        return [f"{title}: {_seconds(data)}"]
    return [f"{title} …"] if state == "started" and key.startswith(("task:", "undo:")) else []


def _output(data: Data) -> list[str]:
    return [f"| {text(data, 'line')}"]


def _decided(data: Data) -> list[str]:
    return [f"decided: {text(data, 'decision')}"]


def _went_back(data: Data) -> list[str]:
    return [f"went back by itself: {text(data, 'reason')}"]


def _lost(data: Data) -> list[str]:
    return ["; ".join(part for part in (f"link lost: {text(data, 'reason')}", text(data, "will")) if part)]


def _waiting(data: Data) -> list[str]:
    return [f"waiting for {text(data, 'what')}, at most {seconds(duration(data, 'bound_seconds') or 0.0)}"]


def _draining(data: Data) -> list[str]:
    left = duration(data, "seconds_left")
    bound = f", at most {seconds(left)} more" if left is not None else ""
    instance = whole(data, "instance")
    name = text(data, "name") + (f".{instance}" if instance is not None else "")
    return [f"{name} of generation {text(data, 'generation')} still finishes{bound}"]


def _settled(data: Data) -> list[str]:
    return [f"deployment {text(data, 'deployment_settled')}, left open by another driver, is {text(data, 'decision')} now"]


def _note(data: Data) -> list[str]:
    if data.get("of") == "verdict":
        return []  # for the report; the verdict says it on the screen
    return [f"note: {clean(line)}" for line in str(data.get("message", "")).split("\n") if line]


def _phase(data: Data) -> list[str]:
    return ["undoing"] if data.get("name") == "undo" else []


def _seconds(data: Data) -> str:
    value = duration(data, "seconds")
    return "?" if value is None else seconds(value)


# `switched`, `leased`, `proved` and `told` are said by the steps and barriers around them; `exchanged` is for the report.
_SAY: Mapping[str, Callable[[Data], list[str]]] = {
    "began": _began,
    "connected": _connected,
    "barrier": _barrier,
    "shipped": _shipped,
    "step": _step,
    "output": _output,
    "phase": _phase,
    "decided": _decided,
    "went back": _went_back,
    "lost": _lost,
    "waiting": _waiting,
    "draining": _draining,
    "settled": _settled,
    "note": _note,
}
