"""Another place that gets copies of restore points, as the host that sends them knows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shipway_agent.record import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """`points` are the copies there, with their bytes, as they were `listed` last; None when that never was.

    `error` is why the last try failed, "" after a good one, and `since` when the first of such tries was; times are seconds since the epoch
    by the host's clock. `beside` when it is a directory on the very disk that the points are on.
    """

    data: str
    host: str
    to: str
    keep: int
    points: Mapping[str, int] = field(default_factory=dict)
    listed: float | None = None
    error: str = ""
    since: float | None = None
    beside: bool = False

    def lacking(self, here: Iterable[str]) -> tuple[str, ...]:
        """Which of the points of its host it should have and has not. A point's name begins with its time."""
        points = set(here)
        newest = sorted({*points, *self.points})[-self.keep :]
        return tuple(name for name in newest if name in points and name not in self.points)
