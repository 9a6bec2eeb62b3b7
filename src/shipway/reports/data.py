"""What hosts say of restore points in; the points with their types, lines for people and objects for programs out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from shipway.reports.clean import clean
from shipway.reports.reading import duration, listed, mapped, text, whole
from shipway.reports.sizes import seconds, size
from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """One restore point. `at` is seconds since the epoch by its host's clock; `before` is the generation that it was taken right before.

    `damaged` says what is wrong with it, "" where nothing is known to be.
    """

    point: str
    data: str
    host: str
    at: float = 0.0
    seconds: float | None = None
    bytes: int = 0
    rows: int = 0
    tables: int = 0
    why: str = ""
    before: int | None = None
    restored_seconds: float | None = None
    damaged: str = ""


def points_of(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Point]]:
    """What hosts answered, by data, oldest first. A host's name may have more behind a slash."""
    found: dict[str, list[Point]] = {}
    for place, answer in sorted(answers.items()):
        said = mapped(answer, "data")
        for name in said:
            rows = [row for row in listed(said, name) if isinstance(row, Mapping)]
            found.setdefault(clean(name), []).extend(_point(clean(name), place.partition("/")[0], row) for row in rows)
    return {name: sorted(points, key=lambda point: (point.at, point.point)) for name, points in sorted(found.items())}


def points_json(points: Mapping[str, Iterable[Point]]) -> list[dict[str, Any]]:
    """One object a point; times as in ISO 8601, UTC."""
    return [
        {
            "point": one.point,
            "data": one.data,
            "host": one.host,
            "at": datetime.fromtimestamp(one.at, UTC).isoformat(timespec="seconds") if one.at else None,
            "seconds": one.seconds,
            "bytes": one.bytes,
            "rows": one.rows,
            "tables": one.tables,
            "why": one.why,
            "before": one.before,
            "restored_seconds": one.restored_seconds,
            "damaged": one.damaged or None,
        }
        for some in points.values()
        for one in some
    ]


def points_text(points: Mapping[str, Iterable[Point]], now: float) -> list[str]:
    """A line a point, under the name of its data. `now` is seconds since the epoch."""
    lines: list[str] = []
    for name, some in points.items():
        there = list(some)
        lines.append(f"{name}: {len(there)} restore point{'s' if len(there) != 1 else ''}" if there else f"{name}: no restore point yet")
        lines += [f"  {_line(one, now)}" for one in there]
    return lines


def _line(point: Point, now: float) -> str:
    if point.damaged:
        return f"{point.point}  on {point.host}  DAMAGED: {point.damaged}"
    why = f"before generation {point.before}" if point.before is not None else point.why
    took = f" in {seconds(point.seconds)}" if point.seconds is not None else ""
    tried = f", restored once in {seconds(point.restored_seconds)}" if point.restored_seconds is not None else ""
    age = f"{seconds(max(0.0, now - point.at))} ago"
    return f"{point.point}  on {point.host}  {age}, {why}: {point.rows:,} rows, {size(point.bytes)}{took}{tried}"


def _point(name: str, host: str, row: Mapping[str, Any]) -> Point:
    return Point(
        point=text(row, "point"),
        data=name,
        host=host,
        at=duration(row, "at") or 0.0,
        seconds=duration(row, "seconds"),
        bytes=whole(row, "bytes") or 0,
        rows=whole(row, "rows") or 0,
        tables=whole(row, "tables") or 0,
        why=text(row, "why"),
        before=whole(row, "for"),
        restored_seconds=duration(mapped(row, "restored"), "seconds"),
        damaged=text(row, "damaged"),
    )
