"""What was expected of the phases, and what an attempt folds to, in; out, the one beside the other: text for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.model.times import Times
from shipway.reports.clean import clean
from shipway.reports.fold import State
from shipway.reports.reading import duration, mapped, text, whole
from shipway.reports.sizes import seconds

SLOWER, SLOWER_SECONDS = 1.5, 1.0
"""A phase is named that took so many times as long as expected, and so much longer."""


def forecast_text(expected: Times | None, kind: str, environment: str) -> list[str]:
    """Below a plan: how long each phase may take, or that nothing is known."""
    if expected is None:
        record = f"no {clean(kind)} of {clean(environment)} that ended well is on record here"
        return [f"how long it takes is not known: {record} (shipway history {clean(environment)} reads what hosts remember)"]
    runs = f"the last {expected.runs} took" if expected.runs > 1 else "the last one took"
    phases = ", ".join(f"{clean(name)} {seconds(value)}" for name, value in expected.phases.items())
    return [f"expected, as {runs}: {seconds(expected.seconds)} ({phases})"]


def times_json(state: State) -> dict[str, Any] | None:
    """In a report: every phase that was expected or came, in seconds. None where nothing was expected."""
    expected = mapped(state.began, "expected")
    phases = mapped(expected, "phases")
    if not phases:
        return None
    took = _took(state)
    names = list(dict.fromkeys([*map(str, phases), *took]))
    return {
        "kind": text(expected, "kind"),
        "runs": whole(expected, "runs") or 0,
        "expected_seconds": duration(expected, "seconds") or 0.0,
        "seconds": round(sum(took.values()), 6),
        "phases": [{"name": clean(name), "expected_seconds": duration(phases, name), "seconds": took.get(name)} for name in names],
    }


def times_text(state: State) -> str:
    """Below a verdict, in one line; "" where nothing was expected."""
    told = times_json(state)
    if told is None:
        return ""
    slow = [phase for phase in told["phases"] if _is_slow(phase)]
    named = "".join(f"; {phase['name']} took {seconds(phase['seconds'])} instead of {seconds(phase['expected_seconds'])}" for phase in slow)
    return f"expected {seconds(told['expected_seconds'])}, took {seconds(told['seconds'])}{named}"


def _took(state: State) -> dict[str, float]:
    took: dict[str, float] = {}
    for phase in state.phases:
        if phase.ended is not None:
            took[phase.name] = took.get(phase.name, 0.0) + round(max(0.0, phase.ended - phase.began), 6)
    return took


def _is_slow(phase: Mapping[str, Any]) -> bool:
    expected, took = phase["expected_seconds"], phase["seconds"]
    return expected is not None and took is not None and took > expected * SLOWER and took > expected + SLOWER_SECONDS
