"""The last screen: what happened, what state things are in, the command to type next."""

from __future__ import annotations

from dataclasses import replace

from shipway.model.verdict import Verdict
from shipway.reports.fold import Probe, State, fold
from shipway.reports.verdict import LINES, verdict_text
from tests.reports.story import live, undone


def test_good_news_with_its_measures() -> None:
    verdict = Verdict("live", 0, "1.2 is live in production, proved on a, b in 10.0 s")
    assert verdict_text(verdict, fold(live()), report=".shipway/reports/7-abc123.json") == [
        "LIVE: 1.2 is live in production, proved on a, b in 10.0 s",
        "  first switch to last proof 4.0 s, downtime measured 0 ms, moved 3.0 MB (1.0 MB on the wire)",
        "  still finishing: web.1 of generation 6 on b, at most 20.0 s more",
        "  report: .shipway/reports/7-abc123.json",
    ]


def test_an_order_is_done_and_not_live() -> None:
    state = fold(live())
    state.began = {**state.began, "what": "stop worker"}
    assert verdict_text(Verdict("live", 0, "worker is stopped"), state)[0] == "DONE: worker is stopped"


def test_bad_news_name_the_host_the_last_output_the_state_and_the_next_command() -> None:
    verdict = Verdict("undone", 1, "not every host can start it", "shipway deploy production")
    assert verdict_text(verdict, fold(undone()), situation="undone on every host: 1.1 serves everywhere") == [
        "UNDONE: not every host can start it",
        "  undone on every host: 1.1 serves everywhere",
        "  moved 3.0 MB (1.0 MB on the wire)",
        "  b: start web × 1 and wait for health failed after 1.0 s: web.1 ended with 3",
        "    | importing",
        "    | no module shop",
        "    exit: 3",
        "  next: shipway deploy production",
    ]


def test_what_the_error_has_told_is_not_told_twice() -> None:
    verdict = Verdict("undone", 1, "b: web.1 ended with 3", "shipway deploy production")
    lines = verdict_text(verdict, fold(undone()), details=["b: importing", "b: no module shop"])
    assert sum("no module shop" in line for line in lines) == 1


def test_what_two_hosts_say_alike_is_said_once_below_their_names() -> None:
    events = undone()
    fault = next(event for event in events if event.kind == "step" and event.data.get("state") == "failed")
    state = fold([*events, replace(fault, host="a")])
    lines = verdict_text(Verdict("undone", 1, "not every host can start it", "shipway deploy production"), state)
    at = lines.index("  a: start web × 1 and wait for health failed after 1.0 s: web.1 ended with 3")
    assert lines[at + 1] == "  b: start web × 1 and wait for health failed after 1.0 s: web.1 ended with 3"
    assert lines[at + 2 : at + 5] == ["    | importing", "    | no module shop", "    exit: 3"]
    assert sum("no module shop" in line for line in lines) == 1


DAMAGED = "/srv/b/journal.db: a page of it is not what was written; what serves goes on. Put back a whole copy, or begin anew"
"""What a host says once, in full."""


def test_what_the_verdict_says_is_said_once_and_the_step_only_that_it_failed() -> None:
    verdict = Verdict("undone", 1, f"b in step start web × 1 and wait for health: {DAMAGED}", "do on b what is named above")
    lines = verdict_text(verdict, fold(undone(why=DAMAGED)), details=[f"b: {DAMAGED}"])
    assert sum(DAMAGED in line for line in lines) == 1, lines
    assert "  b: start web × 1 and wait for health failed after 1.0 s" in lines


def test_what_another_host_says_besides_is_said_too() -> None:
    verdict = Verdict("undone", 1, "lost the link to b (also on a) in start: it ended")
    lines = verdict_text(verdict, fold(undone()), details=["a: it never answered", "b: it ended"])
    assert "  a: it never answered" in lines and "  b: it ended" not in lines
    verdict = Verdict("undone", 1, "a: no space is left in start; nothing is lost")
    lines = verdict_text(verdict, fold(undone()), details=["a: no space is left", "b: no space is left", "b: no"])
    assert "  a: no space is left" not in lines and "  b: no space is left" in lines and "  b: no" in lines


def test_why_a_step_failed_is_said_where_the_verdict_says_it_of_another_host() -> None:
    verdict = Verdict("undone", 1, "a: no space is left in start; nothing is lost")
    assert any(
        line.startswith("  b: ") and line.endswith(": no space is left")
        for line in verdict_text(verdict, fold(undone(why="no space is left")))
    )
    verdict = Verdict("undone", 1, "a (also on b): no space is left in start; nothing is lost")
    assert not any(line.endswith(": no space is left") for line in verdict_text(verdict, fold(undone(why="no space is left"))))


def test_a_probe_that_failed_says_what_it_saw() -> None:
    state = fold(undone())
    state.hosts["b"].probes = [
        Probe("front door /", False, detail="500: \x1b[31mboom"),
        Probe("web.1 owns its address", True),
    ]
    lines = verdict_text(Verdict("undone", 1, "not proved"), state)
    assert "    probe: front door /: 500: boom" in lines and not any("owns its address" in line for line in lines)


def test_the_whole_verdict_fits_on_a_screen_and_a_host_cannot_spoil_it() -> None:
    details = [f"\x1b[2Jline {i}" for i in range(500)]
    lines = verdict_text(Verdict("undone", 1, "it\x1b[2J failed\nbadly"), State(), details=details)
    assert len(lines) <= LINES + 5 and lines[0] == "UNDONE: it failed badly"
    assert all(line.isprintable() for line in lines) and "  line 0" in lines and "  line 499" in lines
