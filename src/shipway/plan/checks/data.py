"""What the hosts that keep restore points say of them in, Findings out: whether what must not be lost could be brought back today."""

from __future__ import annotations

from collections.abc import Iterator

from shipway.model.finding import Finding, Severity
from shipway.model.intent import Data
from shipway.model.kept import Kept
from shipway.model.place import Place
from shipway_agent import schedule

CHECK = "data"
RESERVE_BYTES = 64 << 20
"""What a copy leaves of the disk (shipway_agent/data/points.py)."""

LATE_TIMES = 2
"""So often a point by the clock may be due before it is late: one time may be left out for a good reason."""


def data_findings(data: Data, kept: Kept, free_bytes: int | None, environment: str, advice: str) -> Iterator[Finding]:
    """`free_bytes` is what its host has left, None where that is not known; `advice` is what the code of its refusal says to type next."""

    def finding(check: str, severity: Severity, what: str, *why: str, next: str = "") -> Finding:
        return Finding(check, severity, what, kept.host, why, next)

    backup = f"shipway data backup {environment} --only {data.name}"
    before = len(kept.points)
    if kept.refusal is not None:
        yield finding(CHECK, "wrong", f"no restore point of {data.name} can be taken", kept.refusal[1], next=advice)
    if kept.no_restore:
        what = f"no restore point of {data.name} can be restored"
        yield finding(CHECK, "wrong", what, kept.no_restore, next=f"give data.{data.name} an admin_url of who may, and deploy")
    if kept.damaged:
        what = f"{len(kept.damaged)} of {before + len(kept.damaged)} restore points of {data.name} cannot be read"
        yield finding(CHECK, "wrong", what, *kept.damaged, next=f"{backup} takes a new one")
    yield from _late(data, kept, backup)
    if kept.points and not any(point.restored for point in kept.points):
        what = f"none of the restore points of {data.name} was ever restored"
        yield finding(CHECK, "note", what, next=f"shipway data verify {environment} {data.name} --restore does it beside the live data")
    needed = kept.points[-1].bytes * 6 // 5 + RESERVE_BYTES if kept.points else 0
    if free_bytes is not None and free_bytes < needed:
        what = f"the next restore point of {data.name} takes about {_megabytes(needed)}, and {_megabytes(free_bytes)} are free"
        yield finding("data-disk", "wrong", what, next=f"free {_megabytes(needed - free_bytes)} there, or lower `keep` of data.{data.name}")
    for place in kept.places:
        yield _copies(kept, place, environment)


def _late(data: Data, kept: Kept, backup: str) -> Iterator[Finding]:
    if not kept.points:
        yield Finding(CHECK, "note", f"there is no restore point of {data.name} yet", kept.host, (), f"{backup} takes one")
        return
    newest = kept.points[-1]
    due = None if data.schedule is None else _due(data.schedule, data.timezone, newest.at)
    if due is not None and kept.clock > due + data.timeout_seconds:
        age = _age(kept.clock - newest.at)
        what = f"{data.name} is to have a restore point at {data.schedule} {data.timezone}, and its newest is {age} old"
        yield Finding(CHECK, "wrong", what, kept.host, (), f"{backup} takes one, and says what is in its way")
        return
    yield Finding(CHECK, "ok", f"the newest restore point of {data.name} is {_age(kept.clock - newest.at)} old", kept.host)


def _due(text: str, zone: str, at: float) -> float | None:
    """When a point was due LATE_TIMES times behind the last; None for a schedule that this machine cannot read, and for never."""
    try:
        read = schedule.read(text, zone)
        found: float | None = at
        for _ in range(LATE_TIMES):
            found = None if found is None else schedule.following(read, found)
        return found
    except ValueError:
        return None


def _copies(kept: Kept, place: Place, environment: str) -> Finding:
    lacking = place.lacking(point.point for point in kept.points)
    send = f"shipway data send {environment} --only {kept.data}"
    if place.error:
        since = f" for {_age(kept.clock - place.since)}" if place.since is not None else ""
        what = f"{place.to} lacks {_copies_of(kept, lacking)}, and says no{since}"
        return Finding("copies", "wrong", what, kept.host, (place.error,), f"mend what it says; {send} sends at once")
    if place.listed is None:
        return Finding("copies", "note", f"nobody has sent copies of {kept.data} to {place.to} yet", kept.host, (), f"{send} does it now")
    if lacking:
        what = f"on the way to {place.to}: {_copies_of(kept, lacking)}"
        return Finding("copies", "note", what, kept.host, (), f"{send} waits for them")
    if place.beside:
        what = (
            f"copies of {kept.data} at {place.to} are on the disk of {kept.host} that has the restore points: is something mounted there?"
        )
        return Finding("copies", "note", what, kept.host, (), f"mount it, then {send}")
    return Finding("copies", "ok", f"{place.to} has every copy of {kept.data} that it is to have", kept.host)


def _copies_of(kept: Kept, lacking: tuple[str, ...]) -> str:
    return f"{len(lacking)} cop{'y' if len(lacking) == 1 else 'ies'} of {kept.data}"


def _age(seconds: float) -> str:
    for unit, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"
