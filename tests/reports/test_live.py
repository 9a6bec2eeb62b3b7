"""The live table: on a terminal of any width, with and without colour; what a person must not miss stays above it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from shipway.model.event import Event
from shipway.reports.live import LiveReport
from tests.reports.story import BEGAN, START, Teller, live, undone


def drawn(events: list[Event], width: int, at: float, *, colour: bool = False) -> str:
    """The table after these events, `at` seconds after the start."""
    console = Console(
        file=io.StringIO(), width=width, height=30, force_terminal=colour, no_color=not colour, color_system="standard" if colour else None
    )
    report = LiveReport(console, clock=lambda: START + at)
    for event in events:
        report.on_event(event)
    console.print(report.drawn())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def until(events: list[Event], at: float) -> list[Event]:
    return [event for event in events if event.at <= START + at]


def test_each_host_has_a_row_with_its_step_and_the_seconds_so_far() -> None:
    lines = drawn(until(live(), 2.5), 90, 2.5).splitlines()
    assert lines[0].split() == ["deploy", "1.2", "production", "2.4", "s", "prepared", "1.5", "s"]
    assert lines[2].split() == ["a", "prepared"]
    assert lines[3].split() == ["b", "prepare", "run", "install", "1.3", "s"]


def test_a_rolling_deployment_says_which_batch_is_under_way_and_who_waits_for_his() -> None:
    tell = Teller()
    tell(0.3, "began", **{**BEGAN, "members": ["a", "b", "c"], "batches": [["b"], ["c"], ["a"]]})
    for host in ("a", "b", "c"):
        tell.step(host, 0.4, 0.5, "member:vote", "vote: prepared")
    tell(1.0, "phase", name="start", wave="ready", batch=2, batches=3, hosts=["c"])
    tell(1.0, "step", "c", key="start", title="start web × 1 and wait for health", state="started")
    lines = drawn(tell.events, 90, 3.0).splitlines()
    assert "batch 2 of 3: ready 2.0 s" in lines[0]
    assert lines[2].split() == ["a", "prepared", "waits", "for", "batch", "3"]
    assert lines[3].split() == ["b", "prepared"], "its own is over"
    assert "start web" in lines[4]


def test_a_failure_and_the_newest_output_are_on_the_screen() -> None:
    screen = drawn(until(undone(), 4.2), 90, 4.2)
    assert "FAILED: start web × 1 and wait for health: web.1 ended with 3" in screen
    assert "  b | Traceback: no module shop" in screen and "\x1b" not in screen


@pytest.mark.parametrize("width", [12, 20, 43, 44, 60, 71, 72, 200])
def test_every_width_of_a_window_is_kept(width: int) -> None:
    for line in drawn(until(live(), 4.0), width, 4.0).splitlines():
        assert len(line) <= width, line


def test_a_narrow_window_gets_host_and_stage() -> None:
    lines = drawn(until(live(), 2.5), 30, 2.5).splitlines()
    assert [line.split() for line in lines[-2:]] == [["a", "prepared"], ["b", "prepare"]]


def test_colour_is_used_where_it_is_wanted_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[31m" in drawn(undone(), 90, 6.0, colour=True)
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), width=90, force_terminal=True)
    assert console.no_color, "rich keeps to NO_COLOR; we hand it no colour system of our own"


def test_it_draws_on_a_terminal_and_leaves_no_trace_of_the_table() -> None:
    console = Console(file=io.StringIO(), width=90, height=30, force_terminal=True, color_system=None)
    with LiveReport(console, clock=lambda: START + 9) as report:
        for event in live():
            report.on_event(event)
    assert isinstance(console.file, io.StringIO)
    written = console.file.getvalue()
    assert written.endswith("\x1b[2K") or written.rstrip().endswith(("\x1b[2K", "\x1b[?25h")), "the last thing is to wipe it"
