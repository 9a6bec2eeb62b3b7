"""How long the next deployment may take, from what those before it took."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from shipway.ledger.times import RUNS, times
from shipway.model.event import Event

Phases = tuple[tuple[str, float], ...]


def run(
    number: int, phases: Phases, *, verdict: str = "live", kind: str = "deploy", before: int | None = 1, watch: float = 0.0
) -> list[Event]:
    """What a driver tells that enters these phases, each of so many seconds, one after the other, with a second between them."""
    name, at = f"d{number}", number * 1000.0
    began = {"kind": kind, "environment": "live", "before": before, "watch_seconds": watch}
    events = [Event("began", at, name, data=began)]
    for phase, seconds in phases:
        events.append(Event("phase", at, name, data={"name": phase}))
        events.append(Event("barrier", at + seconds, name, data={"name": phase, "seconds": seconds}))
        at += seconds + 1
    return [*events, Event("ended", at, name, data={"verdict": verdict})]


def predicted(*runs: Iterable[Event], first: bool = False, kind: str = "deploy", watch: float = 0.0) -> dict[str, float] | None:
    events = [event for one in runs for event in one]
    found = times(events, environment="live", kind=kind, first=first, watch_seconds=watch)
    return dict(found.phases) if found is not None else None


ONE: Phases = (("ship", 4.0), ("start", 1.0), ("verify", 6.0))


@pytest.mark.parametrize(
    ("why", "runs", "expected"),
    [
        ("nothing is known", [], None),
        ("one is all there is", [run(1, ONE)], {"ship": 4.0, "start": 1.0, "verify": 6.0}),
        ("the one in the middle counts", [run(n, (("ship", float(s)),)) for n, s in enumerate((9, 1, 2))], {"ship": 2.0}),
        ("of two, what lies between", [run(1, (("ship", 2.0),)), run(2, (("ship", 4.0),))], {"ship": 3.0}),
        ("what was undone is no measure", [run(1, ONE), run(2, (("ship", 99.0),), verdict="undone")], dict(ONE)),
        ("nor what is under way", [run(1, ONE), run(2, (("ship", 99.0),))[:-1]], dict(ONE)),
        ("nor another kind", [run(1, ONE, kind="rollback")], None),
        ("nor the first, which brings everything", [run(1, ONE, before=None)], None),
        (
            "waves and batches of one name are added",
            [run(1, (("start", 1.0), ("verify", 2.0), ("start", 3.0)))],
            {"start": 4.0, "verify": 2.0},
        ),
        ("phases are those of the last one", [run(1, ONE), run(2, (("ship", 2.0),))], {"ship": 3.0}),
    ],
)
def test_the_median_of_the_last_good_ones(why: str, runs: list[list[Event]], expected: dict[str, float] | None) -> None:
    assert predicted(*runs) == expected, why


def test_only_the_last_ones_count() -> None:
    slow = [run(n, (("ship", 100.0),)) for n in range(20)]
    quick = [run(100 + n, (("ship", 1.0),)) for n in range(RUNS)]
    assert predicted(*slow, *quick) == {"ship": 1.0}


def test_how_long_it_is_watched_is_as_it_is_said_now() -> None:
    assert predicted(run(1, ONE, watch=5.0), watch=30.0) == {"ship": 4.0, "start": 1.0, "verify": 31.0}


def test_what_hosts_remember_counts_too() -> None:
    """There a deployment has its decision and no verdict, and nobody knows how long it was watched."""
    events = run(1, (("ship", 4.0), ("verify", 6.0)))[:-1]
    told = [event for event in events if event.kind != "began"]
    began = Event("began", 1000.0, "d1", data={"kind": "deploy", "environment": "live", "source": {"a": 1, "b": None}})
    decided = Event("decided", 1012.0, "d1", "a", {"decision": "committed"})
    assert predicted([began, *told], watch=30.0) is None
    assert predicted([began, *told, decided], watch=30.0) == {"ship": 4.0, "verify": 6.0}


def test_a_first_one_is_measured_by_first_ones() -> None:
    assert predicted(run(1, ONE, before=None), run(2, (("ship", 1.0),)), first=True) == dict(ONE)


def test_all_together_and_as_an_event_has_it() -> None:
    found = times(run(1, ONE), environment="live", kind="deploy", first=False, watch_seconds=0.0)
    assert found is not None
    assert found.to_json() == {"kind": "deploy", "runs": 1, "seconds": 11.0, "phases": {"ship": 4.0, "start": 1.0, "verify": 6.0}}
