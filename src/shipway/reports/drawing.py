"""The spans of a deployment in, the same as a picture out: SVG that stands in a page, as wide as its window and readable without colour."""

from __future__ import annotations

from collections.abc import Iterator

from shipway.reports.clean import clean
from shipway.reports.layout import FAILED, LETTERS, MEANINGS, UNKNOWN, WAIT, Layout, Mark, Row, Span
from shipway.reports.markup import Markup, element, join
from shipway.reports.sizes import seconds

TICKS = 4
HEAD = 44
"""Pixels for the scale and the fleet's phases, above the rows."""

ROW, NAME, BAR, STRIP = 48, 16, 18, 5
"""Pixels of a row; of its name, its bar, and the strip for waits under the bar."""

NAME_LENGTH = 24
"""Characters of a host's name in the picture: beside it there is room for its ending, on a telephone too."""

FOOT = 24
"""Pixels for the decision, below the rows."""

THINNEST = 0.5
"""Percent of the width that a span has at least: what took no time is still seen."""


def drawing(spans: Layout) -> Markup:
    """The picture with its title and description, then what its letters mean. Nothing where nothing took any time.

    Places along the time are percent, so that text keeps its size on a telephone; classes give colours, and each span has its letter.
    """
    if spans.empty:
        return Markup("")
    height = HEAD + ROW * len(spans.rows) + FOOT
    picture = element(
        "svg",
        element("title", f"Timeline of {len(spans.rows)} hosts over {seconds(spans.seconds)}", id="timeline-title"),
        element("desc", _described(spans), id="timeline-description"),
        _hatching(),
        *_scale(spans, height),
        *(_span(span, spans, 24, 16, "phase") for span in spans.phases),
        *(part for number, row in enumerate(spans.rows) for part in _row(row, spans, HEAD + ROW * number)),
        *_decision(spans, height),
        class_="timeline",
        width="100%",
        height=height,
        role="img",
        aria_labelledby="timeline-title timeline-description",
    )
    return join(picture, _legend(spans))


def _described(spans: Layout) -> str:
    """The picture in words, for those who cannot see it; the tables below it have every step."""
    rows = "; ".join(f"{clean(row.name)}: {row.ending}" + "".join(f", {_moment(mark)}" for mark in row.marks) for row in spans.rows)
    phases = ", ".join(f"{phase.title} {seconds(phase.ended - phase.began)}" for phase in spans.phases)
    return clean(f"Phases: {phases}. Hosts: {rows}.", most=20_000)


def _moment(mark: Mark) -> str:
    return f"{mark.title} at {seconds(mark.at)}"


def _hatching() -> Markup:
    """What failed is hatched, so that it is seen in print and without colour."""
    line = element("path", d="M0 6 L6 0", class_="hatch")
    pattern = element("pattern", line, id="failed", width=6, height=6, patternUnits="userSpaceOnUse")
    return element("defs", pattern)


def _scale(spans: Layout, height: int) -> Iterator[Markup]:
    ticks = spans.ticks(TICKS)
    for number, at in enumerate(ticks):
        place, anchor = _percent(at, spans), "start" if number == 0 else "end" if number == len(ticks) - 1 else "middle"
        yield element("line", x1=place, x2=place, y1=18, y2=height - FOOT, class_="grid")
        yield element("text", seconds(at) if at else "0 s", x=place, y=12, text_anchor=anchor, class_="small")


def _row(row: Row, spans: Layout, top: int) -> Iterator[Markup]:
    yield element("text", clean(row.name, most=NAME_LENGTH), x=0, y=top + NAME - 4, class_="name")
    yield element("text", row.ending, x="100%", y=top + NAME - 4, text_anchor="end", class_="small")
    for span in row.spans:
        if span.kind == WAIT:
            yield _span(span, spans, top + NAME + BAR + 1, STRIP)
        else:
            yield _span(span, spans, top + NAME, BAR)
    for mark in row.marks:
        place = _percent(mark.at, spans)
        line = element("line", x1=place, x2=place, y1=top + NAME - 2, y2=top + NAME + BAR + 2)
        letter = element("text", mark.letter, x=place, y=top + NAME + BAR - 4, text_anchor="middle")
        yield element("g", element("title", _moment(mark)), line, letter, class_=f"mark {mark.kind}")


def _span(span: Span, spans: Layout, top: int, height: int, shape: str = "") -> Markup:
    """A box with a letter, or for a phase of the fleet its name; what does not fit into it is cut off by it."""
    words = span.title if shape else "" if span.kind == WAIT else span.letter
    hatched = [element("rect", width="100%", height="100%", class_="failed")] if span.failed else []
    return element(
        "svg",
        element("title", _timed(span)),
        element("rect", width="100%", height="100%"),
        *hatched,
        *([element("text", words, x=3, y=height - 5)] if words else []),
        class_=" ".join(["span", _kind(span.kind), *([shape] if shape else []), *(["broken"] if span.failed else [])]),
        x=_percent(span.began, spans),
        y=top,
        width=f"{max(THINNEST, (span.ended - span.began) / spans.seconds * 100):.3f}%",
        height=height,
    )


def _timed(span: Span) -> str:
    bound = f", at most {seconds(span.bound_seconds)}" if span.bound_seconds is not None else ""
    failed = ", failed" if span.failed else ""
    return f"{span.title}: {seconds(span.ended - span.began)} from {seconds(span.began)}{bound}{failed}"


def _decision(spans: Layout, height: int) -> Iterator[Markup]:
    if spans.decided is None:
        return
    place = _percent(spans.decided.at, spans)
    anchor = "end" if spans.decided.at > spans.seconds / 2 else "start"
    yield element("line", x1=place, x2=place, y1=HEAD - 4, y2=height - FOOT + 6, class_="decision")
    yield element("text", _moment(spans.decided), x=place, y=height - 6, text_anchor=anchor, class_="small")


def _legend(spans: Layout) -> Markup:
    meanings = {**MEANINGS, WAIT: f"{MEANINGS[WAIT]}: the strip under a bar"}
    used = [_key(LETTERS.get(kind, UNKNOWN), kind, meanings.get(kind, kind)) for kind in spans.kinds]
    if any(mark.kind == "failed" for row in spans.rows for mark in row.marks):
        used.append(_key(FAILED, "failed", "failed, and hatched"))
    return element("ul", *used, class_="legend")


def _key(letter: str, kind: str, meaning: str) -> Markup:
    return element("li", element("b", letter, class_=f"key {_kind(kind)}"), " ", meaning)


def _kind(kind: str) -> str:
    """A class of the style sheet: whatever a host calls a phase is never one of its own."""
    return kind if kind in LETTERS or kind == "failed" else "unknown"


def _percent(at: float, spans: Layout) -> str:
    return f"{at / spans.seconds * 100:.3f}%"
