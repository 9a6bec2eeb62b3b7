"""What a host remembers of the migrations of its data: which one is open, how long each took, what each generation left behind."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Optional, Sequence

from shipway_agent import clock
from shipway_agent.data.migrations.database import FOLDER
from shipway_agent.data.migrations.migration import Migration
from shipway_agent.errors import AgentError, Missing
from shipway_agent.primitives import generations
from shipway_agent.record import dataclass
from shipway_agent.root import Root

OPEN = "open.json"
TOOK = "took.json"
OWED = "owed.json"


@dataclass(frozen=True)
class Open:
    """One that began; whether it ended is not known until the database or a person says so. `back` when it was being taken back."""

    migration: str
    generation: int
    deployment: str
    key: str
    atomic: bool
    back: bool


def begin(root: Root, data: str, one: Open) -> None:
    """Note that it begins, on disk before it does."""
    _write(root, data, OPEN, vars(one))


def end(root: Root, data: str) -> None:
    """It has ended, one way or the other."""
    with root.at(f"{FOLDER}/{data}", create=True, mode=0o700) as folder:
        folder.unlink(OPEN)


def open_of(root: Root, data: str) -> Optional[Open]:
    """The one that has no known ending."""
    found = _read(root, data, OPEN)
    return Open(**found) if found else None


def owe(root: Root, data: str) -> None:
    """Note that something must follow what begins now, on disk before it does."""
    if not owed(root, data):
        _write(root, data, OWED, {"since": clock.wall_now()})


def owed(root: Root, data: str) -> bool:
    """Whether something must still follow migrations that ran."""
    return bool(_read(root, data, OWED))


def paid(root: Root, data: str) -> None:
    """It has followed them."""
    with root.at(f"{FOLDER}/{data}", create=True, mode=0o700) as folder:
        folder.unlink(OWED)


def note_took(root: Root, data: str, name: str, seconds: float) -> None:
    """Remember how long one took."""
    _write(root, data, TOOK, {**took(root, data), name: round(seconds, 3)})


def took(root: Root, data: str) -> Dict[str, float]:
    """Seconds by migration, of the last time that each was applied here."""
    return {str(name): float(seconds) for name, seconds in _read(root, data, TOOK).items()}


def leave(root: Root, number: int, applied: List[str], known: Sequence[Migration]) -> None:
    """Write down the schema that a generation leaves, and what its release says of the migrations that it has."""
    phases = {one.name: one.phase for one in known}
    stays = {one.name: one.irreversible for one in known if one.irreversible}
    text = {"applied": applied, "at": clock.wall_now(), "known": phases, "irreversible": stays}
    root.write(f"{generations.place(number)}/{generations.SCHEMA}", json.dumps(text).encode())


def left_by(root: Root, number: int) -> Dict[str, Any]:
    """What a generation left; {} for a release without migrations, or one that was never ready."""
    try:
        found: Dict[str, Any] = json.loads(root.read(f"{generations.place(number)}/{generations.SCHEMA}", 1 << 24))
    except (Missing, ValueError):
        return {}
    return found


def schemas(root: Root) -> Dict[str, Any]:
    """What each generation that is here left, by its number."""
    return {str(number): left for number in generations.numbers(root) if (left := left_by(root, number))}


def _write(root: Root, data: str, name: str, value: Mapping[str, Any]) -> None:
    with root.at(f"{FOLDER}/{data}", create=True, mode=0o700) as folder:
        folder.write(name, json.dumps(value).encode())


def _read(root: Root, data: str, name: str) -> Dict[str, Any]:
    try:
        found: Dict[str, Any] = json.loads(root.read(f"{FOLDER}/{data}/{name}", 1 << 24))
    except Missing:
        return {}
    except ValueError:
        path = root.full(f"{FOLDER}/{data}/{name}")
        raise AgentError("damaged", f"{path} does not hold what was written there", path=path) from None
    return found
