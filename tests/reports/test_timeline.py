"""The timeline as a drawing: one bar a host, a letter a phase, dots where a host waits for the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.model.event import Event
from shipway.reports.json import report
from shipway.reports.layout import layout
from shipway.reports.timeline import timeline
from tests.reports.story import harmless, live, undone
from tests.reports.test_fold import events_of


def test_the_drawing_of_a_deployment() -> None:
    drawn = timeline(layout(report(live())), 67)
    a, b = drawn[1], drawn[2]
    assert a.startswith("a      ") and b.startswith("b      ") and len(a) <= 67
    assert a.count("p") < b.count("p"), "b took twice as long to prepare"
    assert a.count(".") > b.count("."), "and a waited for it"
    assert a.index("X") == b.index("X"), "both switched at once"
    assert drawn[-1].strip() == "s ship, p prepare, t start, X switch, v verify, . waits for the others"


def test_a_failure_is_marked_where_it_happened() -> None:
    drawn = timeline(layout(report(undone())), 80)
    assert "!" in drawn[2] and "!" not in drawn[1] and "! failed" in drawn[-1]


def test_a_step_without_an_ending_lasts_as_long_as_its_phase_and_the_undo_is_seen() -> None:
    cut = [event for event in undone() if not (event.host == "b" and event.kind == "step" and event.data.get("state") == "failed")]
    bar = timeline(layout(report(cut)), 80)[2]
    assert bar.rstrip().endswith("u" * 5) and bar.index("u") > bar.rindex("t") and "u undo" in timeline(layout(report(cut)), 80)[-1]


def test_nothing_is_drawn_where_nothing_took_time() -> None:
    assert timeline(layout(report([])), 80) == []
    assert timeline(layout(report(live()[:1])), 80) == []


@pytest.mark.parametrize("width", [10, 40, 80, 200])
def test_bars_keep_to_the_width(width: int) -> None:
    for line in timeline(layout(report(live())), width)[1:3]:
        assert len(line) <= max(width, 27)


@given(st.lists(events_of), st.integers(0, 200))
def test_every_story_can_be_drawn(events: list[Event], width: int) -> None:
    for line in timeline(layout(report(events)), width):
        assert harmless(line)
