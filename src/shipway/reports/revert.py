"""What a revert would do in; lines for a person and an object for a program out: what goes back, with what code, and what is lost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shipway.reports.clean import clean
from shipway.reports.data import Loss, Point, loss_json, loss_text
from shipway.reports.sizes import age, seconds
from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """One revert. `made` is when the target was made and `at` the time that was meant, in seconds since the epoch.

    `back` are taken back with the code of generation `code`, newest first; of them `stays` cannot be, each with why. `forward` run again.
    `known` is False where nobody knows which schema the target left. `losses` are the points that belong to it, and what is there now.
    `hold_seconds` is how long a request waits at most; None where none can (`cannot_hold` says why).
    """

    environment: str
    version: str
    generation: int
    commit: str
    made: float
    at: float | None
    hard: bool
    back: tuple[str, ...]
    code: int
    stays: Mapping[str, str]
    forward: tuple[str, ...]
    known: bool
    losses: tuple[tuple[Point, Loss], ...]
    unpointed: tuple[str, ...]
    changes_data: bool
    hold_seconds: int | None
    cannot_hold: str


def revert_text(told: Told, now: float) -> list[str]:
    """`now` is seconds since the epoch."""
    lines = [f"back to {clean(told.version)}, generation {told.generation} of {_time(told.made)}, commit {clean(told.commit)[:12]}"]
    lines += _hard(told, now) if told.hard else _soft(told)
    if not told.hard and (told.stays or not told.known):
        lines += _offer(told, now)
    if told.changes_data and (told.hard or not told.stays):
        lines.append(_meanwhile(told))
    return lines


def revert_json(told: Told) -> dict[str, Any]:
    """The same for programs."""
    return {
        "target": {"version": told.version, "generation": told.generation, "commit": told.commit, "made": told.made, "at": told.at},
        "mode": "hard" if told.hard else "soft",
        "migrations": {
            "back": list(told.back),
            "code": told.code,
            "irreversible": dict(told.stays),
            "forward": list(told.forward),
            "known": told.known,
        },
        "losses": [loss_json(point, loss) for point, loss in told.losses],
        "hold_seconds": told.hold_seconds,
    }


def _soft(told: Told) -> list[str]:
    if not told.known:
        return [f"which schema generation {told.generation} left is not known: it was made before migrations were declared"]
    if not told.back and not told.forward:
        return ["soft: code and configuration; the schema is what it is made for"]
    lines = []
    if told.back:
        lines.append(f"soft: the schema too; {_count(told.back)} to be taken back, by the code of generation {told.code}, in this order:")
        lines += [f"  {clean(name)}{_why(told, name)}" for name in told.back]
        if not told.stays:
            lines.append("what was written into what they added goes with them; the restore point right before has it")
    if told.forward:
        lines.append(f"soft: the schema too; {_count(told.forward)} to run again: {', '.join(map(clean, told.forward))}")
    return lines


def _hard(told: Told, now: float) -> list[str]:
    lines = ["hard: code, configuration, schema and data"]
    for point, loss in told.losses:
        lines += [f"  {line}" for line in loss_text(point, loss, now)]
        if told.at is not None:
            lines.append(f"  {point.point} was taken {age(max(0.0, told.at - point.at))} before the time that was named")
        if point.restored_seconds is not None:
            lines.append(f"  it was restored once in {seconds(point.restored_seconds)}")
    if told.unpointed:
        lines.append(f"  {', '.join(map(clean, told.unpointed))}: stays as it is, for there is no restore point of it from then")
    return [*lines, "  what is there now is kept, and a restore point of it is taken: this revert can be reverted"]


def _offer(told: Told, now: float) -> list[str]:
    if not told.losses:
        return ["no restore point of that time is here, so nothing brings its data back"]
    return ["only a restore point brings that schema back (--hard), with what it has:"] + [
        f"  {line}" for point, loss in told.losses for line in loss_text(point, loss, now)
    ]


def _meanwhile(told: Told) -> str:
    if told.hold_seconds is not None:
        return f"requests wait meanwhile, a single one at most {told.hold_seconds} s; if anything fails all is put back as it is now"
    return f"requests cannot wait meanwhile ({told.cannot_hold}): the release that serves may answer with errors until the switch"


def _why(told: Told, name: str) -> str:
    return f": cannot be ({clean(told.stays[name])})" if name in told.stays else ""


def _count(names: tuple[str, ...]) -> str:
    return "1 migration" if len(names) == 1 else f"{len(names)} migrations"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
