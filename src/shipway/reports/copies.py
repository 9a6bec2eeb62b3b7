"""What hosts say of copies in other places in, what a person reads and programs get out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from shipway.model.place import Place
from shipway.reports.clean import clean
from shipway.reports.data import Point
from shipway.reports.reading import duration, mapped, text, whole
from shipway.reports.sizes import seconds, size


def places_of(answers: Mapping[str, Mapping[str, Any]]) -> tuple[Place, ...]:
    """What hosts answered, by data and in the order in which places are declared. A host's name may have more behind a slash."""
    found = []
    for where, answer in sorted(answers.items()):
        for name, rows in mapped(answer, "copies").items():
            for row in rows if isinstance(rows, list | tuple) else ():
                if isinstance(row, Mapping):
                    found.append(_place(clean(name), where.partition("/")[0], row))
    return tuple(found)


def places_text(places: Iterable[Place], points: Mapping[str, Iterable[Point]], environment: str, now: float) -> list[str]:
    """A line a place, and one for each point that is nowhere else. `now` is seconds since the epoch."""
    lines: list[str] = []
    only: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    for place in places:
        here = [point.point for point in points.get(place.data, ()) if not point.damaged]
        lines.append(_line(place, here, now))
        for name in sorted(set(place.points) - set(here)):
            only.setdefault(name, []).append(place.to)
            sizes[name] = place.points[name]
    for name, where in sorted(only.items()):
        lines.append(f"{name} is only at {', '.join(where)}, {size(sizes[name])}: shipway data fetch {environment} {name}")
    return lines


def places_json(places: Iterable[Place], points: Mapping[str, Iterable[Point]]) -> list[dict[str, Any]]:
    """One object a place; times as in ISO 8601, UTC."""
    return [
        {
            "to": one.to,
            "data": one.data,
            "host": one.host,
            "keep": one.keep,
            "points": [{"point": name, "bytes": count} for name, count in sorted(one.points.items())],
            "lacking": list(one.lacking(point.point for point in points.get(one.data, ()) if not point.damaged)),
            "listed": _stamp(one.listed),
            "error": one.error or None,
            "since": _stamp(one.since),
        }
        for one in places
    ]


def _line(place: Place, here: list[str], now: float) -> str:
    lacking = place.lacking(here)
    there = f"{len(place.points)} cop{'y' if len(place.points) == 1 else 'ies'} at {place.to}, of {place.keep} that are kept"
    if place.error:
        since = f" since {seconds(max(0.0, now - place.since))}" if place.since is not None else ""
        return f"{place.data}: {there}; BEHIND by {len(lacking)}{since}: {place.error}"
    if place.listed is None:
        return f"{place.data}: nobody has asked {place.to} yet"
    return f"{place.data}: {there}{f'; {len(lacking)} on the way' if lacking else ''}"


def _place(data: str, host: str, row: Mapping[str, Any]) -> Place:
    counts = {clean(name): count for name, count in mapped(row, "points").items() if isinstance(count, int)}
    return Place(
        data=data,
        host=host,
        to=text(row, "to"),
        keep=whole(row, "keep") or 1,
        points=counts,
        listed=duration(row, "listed"),
        error=text(row, "error"),
        since=duration(row, "since"),
        beside=row.get("beside") is True,
    )


def _stamp(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
