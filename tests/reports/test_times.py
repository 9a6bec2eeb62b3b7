"""What was expected beside what came: below a plan, below a verdict, in the report and on its page."""

from __future__ import annotations

import pytest

from shipway.model.event import Event
from shipway.model.times import Times
from shipway.reports.fold import State, fold
from shipway.reports.json import report_of
from shipway.reports.page import page
from shipway.reports.times import forecast_text, times_json, times_text

EXPECTED = Times("deploy", 3, {"ship": 0.4, "start": 1.0, "verify": 5.0})


def attempt(took: dict[str, float], expected: Times | None = EXPECTED) -> State:
    forecast = {"expected": expected.to_json()} if expected is not None else {}
    began = {"kind": "deploy", "environment": "live", "members": ["a"], **forecast}
    events = [Event("began", 100.0, "d1", data=began)]
    at = 100.0
    for name, seconds in took.items():
        events.append(Event("phase", at, "d1", data={"name": name}))
        at += seconds
        events.append(Event("barrier", at, "d1", data={"name": name, "seconds": seconds}))
    return fold([*events, Event("ended", at, "d1", data={"verdict": "live", "exit_code": 0})])


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        (
            None,
            "how long it takes is not known: no deploy of live that ended well is on record here"
            " (shipway history live reads what hosts remember)",
        ),
        (EXPECTED, "expected, as the last 3 took: 6.4 s (ship 0.4 s, start 1.0 s, verify 5.0 s)"),
        (Times("deploy", 1, {"ship": 2.0}), "expected, as the last one took: 2.0 s (ship 2.0 s)"),
    ],
)
def test_below_a_plan(expected: Times | None, line: str) -> None:
    assert forecast_text(expected, "deploy", "live") == [line]


@pytest.mark.parametrize(
    ("took", "line"),
    [
        ({"ship": 0.5, "start": 1.0, "verify": 5.0}, "expected 6.4 s, took 6.5 s"),
        ({"ship": 4.0, "start": 1.4, "verify": 5.9}, "expected 6.4 s, took 11.3 s; ship took 4.0 s instead of 0.4 s"),
        ({"ship": 0.4}, "expected 6.4 s, took 0.4 s"),
        ({"ship": 0.4, "prepare": 30.0}, "expected 6.4 s, took 30.4 s"),
    ],
)
def test_below_a_verdict(took: dict[str, float], line: str) -> None:
    assert times_text(attempt(took)) == line


def test_in_the_report_and_on_its_page() -> None:
    told = report_of(attempt({"ship": 0.5, "prepare": 2.0}))
    assert told["expected"] == {
        "kind": "deploy",
        "runs": 3,
        "expected_seconds": 6.4,
        "seconds": 2.5,
        "phases": [
            {"name": "ship", "expected_seconds": 0.4, "seconds": 0.5},
            {"name": "start", "expected_seconds": 1.0, "seconds": None},
            {"name": "verify", "expected_seconds": 5.0, "seconds": None},
            {"name": "prepare", "expected_seconds": None, "seconds": 2.0},
        ],
    }
    assert "What each phase took, beside what the last 3 of this kind took" in page(told)


def test_without_a_forecast_nothing_is_said() -> None:
    state = attempt({"ship": 1.0}, None)
    assert (times_json(state), times_text(state), report_of(state)["expected"]) == (None, "", None)
    assert "Times" not in page(report_of(state))
