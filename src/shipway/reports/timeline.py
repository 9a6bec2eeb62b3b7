"""The spans of a deployment in, a drawing of them in letters out: a bar a host, each phase in its own letter, dots where a host waited."""

from __future__ import annotations

from collections.abc import Callable

from shipway.reports.clean import clean
from shipway.reports.layout import FAILED, IDLE, LETTERS, MEANINGS, UNDO, WAIT, Layout, Row
from shipway_agent.record import dataclass

NARROWEST = 20
UNDER = (IDLE, UNDO)
"""Kinds that fill a whole phase, and lie under what the host does in it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the drawing."""

    name: str
    cells: str


def timeline(spans: Layout, width: int = 80) -> list[str]:
    """The drawing, at most `width` columns where that is possible: a scale, a bar a host, and what the letters mean."""
    if spans.empty:
        return []
    label = max([len(clean(row.name)) for row in spans.rows] + [5])
    columns = max(NARROWEST, width - label - 2)
    rows = bars(spans, columns)
    used = [kind for kind in LETTERS if kind != IDLE and any(LETTERS[kind] in bar.cells for bar in rows)]
    meaning = ", ".join(f"{LETTERS[kind]} {MEANINGS.get(kind, kind)}" for kind in (*used, IDLE))
    failed = f", {FAILED} failed" if any(FAILED in bar.cells for bar in rows) else ""
    return [
        f"{' ' * label}  {_scale(spans, columns)}",
        *(f"{bar.name.ljust(label)}  {bar.cells}".rstrip() for bar in rows),
        f"{' ' * label}  {meaning}{failed}",
    ]


def bars(spans: Layout, columns: int) -> tuple[Bar, ...]:
    """A bar a host: cells from the first event to the last, painted by the spans that lasted then."""

    def cell(at: float) -> int:
        return min(columns - 1, max(0, int(at / max(spans.seconds, 1e-9) * columns)))

    return tuple(Bar(clean(row.name), _paint(row, columns, cell)) for row in spans.rows)


def _paint(row: Row, columns: int, cell: Callable[[float], int]) -> str:
    cells = [" "] * columns
    for span in sorted(row.spans, key=lambda span: (span.kind not in UNDER, span.kind != WAIT)):
        for i in range(cell(span.began), cell(span.ended) + 1):
            cells[i] = span.letter
    for mark in row.marks:
        cells[cell(mark.at)] = mark.letter
    return "".join(cells)


def _scale(spans: Layout, columns: int) -> str:
    """Seconds above the bars: at most five marks, none that would run into the next."""
    ticks = spans.ticks(min(5, columns // 12))
    line = [" "] * columns
    for i, at in enumerate(ticks):
        text = f"{at:.1f} s"
        place = round(i * (columns - 1) / (len(ticks) - 1))
        first = min(place, columns - len(text))
        line[first : first + len(text)] = text
    return "".join(line).rstrip()
