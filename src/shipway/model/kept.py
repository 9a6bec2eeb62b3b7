"""Data of an environment as the host that keeps its restore points says of it: what doctor and its checks speak of."""

from __future__ import annotations

from shipway.model.place import Place
from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """One restore point that can be read. `at` is seconds since the epoch by its host's clock; `restored` says that it was, in a proof."""

    point: str
    at: float
    bytes: int
    restored: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """`points` are oldest first, `damaged` those that cannot be read. `clock` is the host's, seconds since the epoch.

    `refusal` is (code, sentence) of why no point can be taken now, None where nothing stands in the way; `no_restore` why none can be
    restored.
    """

    data: str
    host: str
    clock: float
    points: tuple[Taken, ...] = ()
    damaged: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    refusal: tuple[str, str] | None = None
    no_restore: str = ""
