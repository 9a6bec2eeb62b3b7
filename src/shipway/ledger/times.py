"""Events of earlier deployments in; out, how long the phases of another one may take: the median of the last good ones. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shipway.model.event import Event
from shipway.model.times import Times
from shipway_agent.record import dataclass, field

RUNS = 5
"""More would say how it was before the application or the fleet had changed."""

GOOD = ("live", "prepared")
COMMITTED = "committed"
WATCHED = "verify"
"""The phase that lasts at least as long as the release is watched."""

LANDMARKS = ("began", "phase", "barrier", "decided", "ended")
"""Kinds of events that tell the times of phases."""


def times(events: Iterable[Event], *, environment: str, kind: str, first: bool, watch_seconds: float) -> Times | None:
    """From the events of any deployments, in their order; None where none of this kind ended well in the environment.

    `first` when nothing serves before it: such a one brings everything, and is no measure for others, nor they for it. How long a release
    was watched then, where that is known, is taken out of what its proof took, and `watch_seconds` put in its place.
    """
    runs = [run for run in _runs(events) if run.good and (run.environment, run.kind, run.first) == (environment, kind, first)][-RUNS:]
    if not runs:
        return None
    phases = {name: _median(name, runs, watch_seconds) for name in runs[-1].phases}
    return Times(kind, len(runs), phases)


@dataclass(slots=True)
class _Run:
    environment: str
    kind: str
    first: bool
    watch_seconds: float | None
    good: bool = False
    phases: dict[str, float] = field(default_factory=dict)
    _name: str = ""
    _began: float = 0.0

    def enter(self, name: str, at: float) -> None:
        """A phase may come more than once: in waves, and in batches."""
        self.leave(at)
        self._name, self._began = name, at

    def leave(self, at: float) -> None:
        if self._name:
            self.phases[self._name] = self.phases.get(self._name, 0.0) + max(0.0, at - self._began)
        self._name = ""


def _runs(events: Iterable[Event]) -> list[_Run]:
    runs: dict[str, _Run] = {}
    for event in events:
        if event.kind == "began":
            runs[event.deployment] = _begun(event.data)
        run = runs.get(event.deployment)
        if run is None:
            continue
        if event.kind == "phase":
            run.enter(str(event.data.get("name", "")), event.at)
        elif event.kind in ("barrier", "ended"):
            run.leave(event.at)
        if event.kind == "decided":
            run.good = event.data.get("decision") == COMMITTED
        if event.kind == "ended":
            run.good = event.data.get("verdict") in GOOD
    return [run for run in runs.values() if run.phases]


def _begun(data: Mapping[str, object]) -> _Run:
    watched, source = data.get("watch_seconds"), data.get("source")
    before = list(source.values()) if isinstance(source, Mapping) else [data.get("before")]
    return _Run(
        str(data.get("environment", "")),
        str(data.get("kind", "")),
        all(number is None for number in before),
        float(watched) if isinstance(watched, (int, float)) else None,
    )


def _median(name: str, runs: list[_Run], watch_seconds: float) -> float:
    took = sorted(_as_now(name, run, watch_seconds) for run in runs)
    return (took[(len(took) - 1) // 2] + took[len(took) // 2]) / 2


def _as_now(name: str, run: _Run, watch_seconds: float) -> float:
    took = run.phases.get(name, 0.0)
    return took if name != WATCHED or run.watch_seconds is None else max(0.0, took - run.watch_seconds) + watch_seconds
