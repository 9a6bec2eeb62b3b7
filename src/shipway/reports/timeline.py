"""The state of a deployment in, a drawing of its time out: a bar a host, each phase in its own letter, dots where a host waited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shipway.reports.clean import clean
from shipway.reports.fold import HostState, State, Work

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
}
WAITING = "."
FAILED = "!"
NARROWEST = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the drawing."""

    name: str
    cells: str


def timeline(state: State, width: int = 80) -> list[str]:
    """The drawing, at most `width` columns where that is possible: a scale, a bar a host, and what the letters mean."""
    start, end = state.began_at or 0.0, state.last_at
    if end <= start or not state.phases:
        return []
    label = max([len(clean(name)) for name in state.hosts] + [5])
    columns = max(NARROWEST, width - label - 2)
    rows = bars(state, columns)
    used = [name for name in LETTERS if any(LETTERS[name] in bar.cells for bar in rows)]
    meaning = ", ".join(f"{LETTERS[name]} {name}" for name in used)
    failed = f", {FAILED} failed" if any(FAILED in bar.cells for bar in rows) else ""
    return [
        f"{' ' * label}  {_scale(end - start, columns)}",
        *(f"{bar.name.ljust(label)}  {bar.cells}".rstrip() for bar in rows),
        f"{' ' * label}  {meaning}, {WAITING} waits for the others{failed}",
    ]


def bars(state: State, columns: int) -> tuple[Bar, ...]:
    """A bar a host: cells from the first event to the last, painted by the steps that ran then."""
    start, span = state.began_at or 0.0, max(state.last_at - (state.began_at or 0.0), 1e-9)

    def cell(at: float) -> int:
        return min(columns - 1, max(0, int((at - start) / span * columns)))

    return tuple(Bar(clean(name), _paint(host, state, columns, cell)) for name, host in sorted(state.hosts.items()))


def _paint(host: HostState, state: State, columns: int, cell: Callable[[float], int]) -> str:
    cells = [" "] * columns
    for phase in state.phases:
        letter = LETTERS["undo"] if phase.name == "undo" else WAITING
        _fill(cells, cell(phase.began), cell(phase.ended if phase.ended is not None else state.last_at), letter)
    if host.shipped is not None:
        ship = next((p for p in state.phases if p.name == "ship"), None)
        if ship is not None and host.shipped.seconds is not None:
            _fill(cells, cell(ship.began), cell(ship.began + host.shipped.seconds), LETTERS["ship"])
    for work in host.steps:
        _fill(cells, cell(work.began), cell(_end(work, state)), LETTERS.get(work.phase, "?"))
    for work in host.steps:
        if work.state == "failed" and work.ended is not None:
            cells[cell(work.ended)] = FAILED
        elif work.key == "switch" and work.ended is not None:
            cells[cell(work.ended)] = LETTERS["switch"]
    return "".join(cells)


def _end(work: Work, state: State) -> float:
    """When a step ended; one without an ending lasted as long as its phase."""
    if work.ended is not None:
        return work.ended
    ends = [phase.ended for phase in state.phases if phase.wave == work.wave and phase.began <= work.began and phase.ended is not None]
    return ends[-1] if ends else state.last_at


def _fill(cells: list[str], first: int, last: int, letter: str) -> None:
    for i in range(first, last + 1):
        cells[i] = letter


def _scale(span: float, columns: int) -> str:
    """Seconds above the bars: at most five marks, none that would run into the next."""
    marks = min(5, max(2, columns // 12))
    line = [" "] * columns
    for i in range(marks):
        text = f"{span * i / (marks - 1):.1f} s"
        at = round(i * (columns - 1) / (marks - 1))
        first = min(at, columns - len(text))
        line[first : first + len(text)] = text
    return "".join(line).rstrip()


def shortened(lines: Sequence[str], width: int) -> list[str]:
    """Lines cut to a width, for windows that are too narrow even so."""
    return [line if len(line) <= width else line[: width - 1] + "…" for line in lines]
