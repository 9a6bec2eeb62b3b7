"""What hosts say of restore points in; the points with their types, lines for people and objects for programs out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from shipway.reports.clean import clean
from shipway.reports.reading import duration, listed, mapped, text, whole
from shipway.reports.sizes import age, seconds, size
from shipway_agent.record import dataclass

MOST_TABLES = 20


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


@dataclass(frozen=True, slots=True)
class Loss:
    """What is there beside what a point holds: rows now, None where they cannot be counted any more (`why`); and tables that differ, with

    their rows in the point and now.
    """

    rows_now: int | None = None
    why: str = ""
    differing: tuple[tuple[str, int | None, int | None], ...] = ()

    @staticmethod
    def of(said: Mapping[str, Any]) -> Loss:
        """What the host answered."""
        rows = [row for row in listed(said, "differing") if isinstance(row, list | tuple) and len(row) == 3]
        return Loss(whole(said, "rows_now"), text(said, "why"), tuple((clean(name), _count(then), _count(now)) for name, then, now in rows))


def loss_text(point: Point, loss: Loss, now: float) -> list[str]:
    """What would be lost if the point took the place of what is there."""
    lines = [f"{point.point} is {age(max(0.0, now - point.at))} old: what was written since is lost to the application"]
    if loss.rows_now is None:
        return [*lines, f"what is there now cannot be counted: {loss.why}"]
    lines.append(f"{point.data} has {loss.rows_now:,} rows now, and {point.rows:,} in the restore point")
    lines += [f"  {name}: {_rows(now)} now, {_rows(then)} then" for name, then, now in loss.differing[:MOST_TABLES]]
    if len(loss.differing) > MOST_TABLES:
        lines.append(f"  and {len(loss.differing) - MOST_TABLES} tables more")
    return lines


def loss_json(point: Point, loss: Loss) -> dict[str, Any]:
    """The same for programs."""
    return {
        **points_json({point.data: [point]})[0],
        "rows_now": loss.rows_now,
        "differing": [{"table": name, "then": then, "now": now} for name, then, now in loss.differing],
    }


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
    ago = f"{age(max(0.0, now - point.at))} ago"
    return f"{point.point}  on {point.host}  {ago}, {why}: {point.rows:,} rows, {size(point.bytes)}{took}{tried}"


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


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _rows(count: int | None) -> str:
    return "not there" if count is None else f"{count:,}"
