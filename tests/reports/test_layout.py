"""What happened when, in seconds: the spans that both drawings show."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.model.event import Event
from shipway.reports.json import report
from shipway.reports.layout import Layout, Mark, layout
from tests.reports.story import BEGAN, Teller, live, undone
from tests.reports.test_fold import events_of


def laid(events: list[Event]) -> Layout:
    return layout(report(events))


def test_a_host_has_its_steps_over_the_phases_of_the_fleet() -> None:
    spans = laid(live())
    assert spans.seconds == pytest.approx(9.9), "from the first event, 0.1 s after the start, to the last"
    assert [span.title for span in spans.phases] == ["ship", "prepared", "ready", "switched", "verify", "finish"]
    a = spans.rows[0]
    assert (a.name, a.ending) == ("a", "committed")
    assert [(s.kind, round(s.began, 1), round(s.ended, 1)) for s in a.spans if s.kind != "idle"] == [
        ("ship", 0.3, 0.9),
        ("prepare", 0.9, 1.1),
        ("prepare", 1.1, 1.9),
        ("prepare", 1.9, 1.9),
        ("start", 2.9, 4.7),
        ("switch", 4.9, 5.0),
        ("verify", 5.1, 8.9),
    ]
    assert [(mark.kind, round(mark.at, 1)) for mark in a.marks] == [("switch", 5.0)]
    assert spans.decided is not None and (spans.decided.kind, round(spans.decided.at, 1)) == ("committed", 9.0)


def test_a_failure_and_the_undo_are_there() -> None:
    spans = laid(undone())
    b = spans.rows[1]
    (mark,) = b.marks
    assert mark == Mark("failed", "start web × 1 and wait for health failed: web.1 ended with 3", mark.at) and mark.at == pytest.approx(3.8)
    assert [span.kind for span in b.spans if span.failed] == ["start"]
    assert [span.title for span in spans.phases][-1] == "undo" and "undo" in spans.kinds


def test_a_wait_has_its_bound_and_ends_with_what_comes_next() -> None:
    tell = Teller()
    tell(0.0, "began", **BEGAN)
    tell(1.0, "waiting", "b", what="the lease of ann (6-1) to run out", bound_seconds=12.0)
    tell(2.0, "output", "b", key="x", line="still waiting")
    tell(4.0, "leased", "b", fence=7, seconds=3.0)
    tell(5.0, "waiting", "a", what="a login", bound_seconds=9.0)
    tell(6.0, "ended", verdict="undone", exit_code=1, message="", hint="", seconds=6.0)
    a, b = laid(tell.events).rows
    assert [(s.title, s.began, s.ended, s.bound_seconds) for s in b.spans] == [
        ("waits for the lease of ann (6-1) to run out", 1.0, 4.0, 12.0)
    ]
    assert [(s.began, s.ended) for s in a.spans] == [(5.0, 6.0)], "one that did not end lasted until the end"


def test_a_driver_that_died_leaves_a_phase_that_lasts_to_the_last_that_was_heard() -> None:
    tell = Teller()
    tell(0.0, "began", **BEGAN)
    tell(1.0, "phase", name="prepare", wave="prepared")
    tell(1.5, "step", "a", key="tree", title="build and verify the tree", state="started")
    tell(4.0, "output", "a", key="tree", line="so far")
    spans = laid(tell.events)
    assert [(p.began, p.ended) for p in spans.phases] == [(1.0, 4.0)]
    assert (spans.rows[0].spans[-1].began, spans.rows[0].spans[-1].ended) == (1.5, 4.0)


@settings(max_examples=40)
@given(st.lists(events_of))
def test_no_span_leaves_the_time_of_the_attempt(events: list[Event]) -> None:
    spans = laid(events)
    every = [*spans.phases, *(span for row in spans.rows for span in row.spans)]
    assert all(0 <= span.began <= span.ended <= spans.seconds for span in every)
    assert all(0 <= mark.at <= spans.seconds for row in spans.rows for mark in row.marks)
