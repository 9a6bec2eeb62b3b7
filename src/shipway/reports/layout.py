"""A report in, what happened when out: a row a host, with spans and marks in seconds. Pure, and computed once:

the terminal's drawing (timeline.py) and the page's (drawing.py) both show these spans, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shipway_agent.record import dataclass

LETTERS = {
    "begin": "b",
    "ship": "s",
    "prepare": "p",
    "activate": "a",
    "start": "t",
    "switch": "X",
    "verify": "v",
    "commit": "c",
    "undo": "u",
    "finish": "f",
    "wait": "w",
    "idle": ".",
}
"""The letter of each kind of span: colour is never needed to tell them apart."""

UNKNOWN = "?"
FAILED = "!"
IDLE, WAIT, UNDO = "idle", "wait", "undo"
MEANINGS = {WAIT: "waits for something named", IDLE: "waits for the others"}
"""What a letter means where the kind alone does not say it."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `began` to `ended`, in seconds since the attempt began. `kind` is a phase, `idle` or `wait`; a wait has its bound."""

    kind: str
    title: str
    began: float
    ended: float
    failed: bool = False
    bound_seconds: float | None = None

    @property
    def letter(self) -> str:
        return LETTERS.get(self.kind, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment. `kind` is `switch`, `failed`, `committed` or `reverted`."""

    kind: str
    title: str
    at: float

    @property
    def letter(self) -> str:
        return FAILED if self.kind == "failed" else LETTERS["switch"]


@dataclass(frozen=True, slots=True)
class Row:
    """One host. Later spans lie over earlier ones, marks over all; `ending` is what became of it, in a word or two."""

    name: str
    ending: str
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """`seconds` is how long the attempt took; `phases` are the fleet's, `decided` when the lead recorded the decision."""

    seconds: float
    phases: tuple[Span, ...]
    rows: tuple[Row, ...]
    decided: Mark | None

    @property
    def empty(self) -> bool:
        """Whether nothing took any time."""
        return self.seconds <= 0 or not self.phases

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of spans that occur, in the order of LETTERS; unknown ones last."""
        there = {span.kind for row in self.rows for span in row.spans} | {
            "switch" for row in self.rows for m in row.marks if m.kind == "switch"
        }
        return (*(kind for kind in LETTERS if kind in there), *sorted(there - LETTERS.keys()))

    def ticks(self, most: int) -> tuple[float, ...]:
        """Moments for a scale, the first and the last of the attempt among them; at least two."""
        marks = max(2, most)
        return tuple(self.seconds * i / (marks - 1) for i in range(marks))


def layout(told: Mapping[str, Any]) -> Layout:
    """The spans of a report, as reports/json.py makes it."""
    seconds = float(told["seconds"])
    phases = _phases(told, seconds)
    waits: dict[str, list[Mapping[str, Any]]] = {}
    for wait in told["waits"]:
        waits.setdefault(wait["host"] or "", []).append(wait)
    rows = tuple(_row(name, host, phases, waits.get(name, ()), seconds) for name, host in sorted(told["hosts"].items()))
    at = told["decided_seconds"]
    decided = Mark(told["decision"], f"decided: {told['decision']}", _within(at, seconds)) if at is not None and told["decision"] else None
    return Layout(seconds, phases, rows, decided)


def _phases(told: Mapping[str, Any], seconds: float) -> tuple[Span, ...]:
    """One that was still under way when the driver died lasts until the last that was heard."""
    spans = []
    for number, phase in enumerate(told["phases"], 1):
        began = _within(phase["began_seconds"], seconds)
        open_ended = number == len(told["phases"]) and told["ended"] is None and not phase["seconds"]
        ended = seconds if open_ended else _within(phase["began_seconds"] + phase["seconds"], seconds)
        batch = f"batch {phase['batch']}: " if phase["batch"] is not None else ""
        spans.append(Span(phase["name"], f"{batch}{UNDO if phase['name'] == UNDO else phase['wave']}", began, ended))
    return tuple(spans)


def _row(name: str, host: Mapping[str, Any], phases: Sequence[Span], waits: Sequence[Mapping[str, Any]], seconds: float) -> Row:
    spans = [
        Span(UNDO if p.kind == UNDO else IDLE, p.title if p.kind == UNDO else "waits for the others", p.began, p.ended) for p in phases
    ]
    spans += [_wait(wait, seconds) for wait in waits]
    spans += _ship(host, phases, seconds)
    steps = [(step, _step(step, phases, seconds)) for step in host["steps"]]
    marks = [mark for step, span in steps if (mark := _mark(step, span)) is not None]
    return Row(name, _ending(host), (*spans, *(span for _, span in steps)), tuple(marks))


def _wait(wait: Mapping[str, Any], seconds: float) -> Span:
    began = _within(wait["began_seconds"], seconds)
    ended = _within(wait["ended_seconds"], seconds) if wait["ended_seconds"] is not None else seconds
    return Span(WAIT, f"waits for {wait['what']}", began, max(began, ended), bound_seconds=wait["bound_seconds"])


def _ship(host: Mapping[str, Any], phases: Sequence[Span], seconds: float) -> list[Span]:
    phase = next((p for p in phases if p.kind == "ship"), None)
    shipped = host["shipped"]
    if phase is None or shipped is None or shipped["seconds"] is None:
        return []
    return [Span("ship", f"receive {shipped['blobs']} files", phase.began, _within(phase.began + shipped["seconds"], seconds))]


def _step(step: Mapping[str, Any], phases: Sequence[Span], seconds: float) -> Span:
    """A step without an ending lasted as long as its phase."""
    began = _within(step["began_seconds"], seconds)
    ended = step["ended_seconds"]
    if ended is None:
        ends = [p.ended for p in phases if p.kind == step["phase"] and p.began <= began]
        ended = ends[-1] if ends else seconds
    return Span(step["phase"], step["title"], began, max(began, _within(ended, seconds)), failed=step["state"] == "failed")


def _mark(step: Mapping[str, Any], span: Span) -> Mark | None:
    if step["ended_seconds"] is None:
        return None
    if step["state"] == "failed":
        message = (step["error"] or {}).get("message", "")
        return Mark("failed", f"{step['title']} failed: {message}", span.ended)
    return Mark("switch", "the new release is switched on", span.ended) if step["key"] == "switch" else None


def _ending(host: Mapping[str, Any]) -> str:
    if host["lost"] is not None:
        return "lost"
    if host["went_back"] is not None and host["decision"] != "committed":
        return "went back by itself"
    return host["decision"] or "undecided"


def _within(at: float, seconds: float) -> float:
    return min(seconds, max(0.0, float(at)))
