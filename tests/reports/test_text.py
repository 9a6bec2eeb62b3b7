"""Plain lines: what happened, when, on which host, and nothing that a person does not need."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shipway.model.event import Event
from shipway.reports.text import TextReport, words
from tests.reports.story import Teller, harmless, live, undone
from tests.reports.test_fold import events_of


def told(events: list[Event]) -> list[str]:
    lines: list[str] = []
    report = TextReport(lines.append)
    for event in events:
        report.on_event(event)
    return lines


def test_a_deployment_reads_as_a_story() -> None:
    assert told(live()) == [
        "    0.0 s  a  connected in 0.1 s",
        "    0.0 s  b  connected in 0.1 s",
        "    0.2 s     deploy 1.2 (commit 2ccccccccccc) in production on a, b",
        "    0.2 s     note: migrate has no undo",
        "    0.9 s  a  received 3 files, 3.0 MB (1.0 MB on the wire)",
        "    0.5 s  b  has every file already",
        "    0.9 s     -- ship -- all hosts, after 0.6 s",
        "    1.1 s  a  run install …",
        "    1.9 s  a  run install: 0.8 s",
        "    1.1 s  b  run install …",
        "    2.9 s  b  run install: 1.8 s",
        "    2.9 s     -- prepared -- all hosts, after 2.0 s",
        "    4.7 s  a  start web × 1 and wait for health: 1.8 s",
        "    4.7 s  b  start web × 1 and wait for health: 1.8 s",
        "    4.9 s     -- ready -- all hosts, after 2.0 s",
        "    5.0 s  a  switch: 0.1 s",
        "    5.0 s  b  switch: 0.1 s",
        "    5.1 s     -- switched -- all hosts, after 0.2 s",
        "    8.9 s  a  prove what serves: 3.8 s",
        "    8.9 s  b  prove what serves: 3.8 s",
        "    8.9 s     -- verify -- all hosts, after 3.8 s",
        "    9.0 s  a  decided: committed",
        "    9.2 s  b  web.1 of generation 6 still finishes, at most 20.0 s more",
    ]


def test_a_failure_stands_out_and_what_the_host_said_is_harmless() -> None:
    lines = told(undone())
    assert "    3.8 s  b  FAILED: start web × 1 and wait for health: web.1 ended with 3" in lines
    assert "    3.7 s  b  | Traceback: no module shop" in lines
    assert "    4.3 s     undoing" in lines


def test_a_long_failure_says_why_and_leaves_to_the_verdict_what_follows_and_what_to_do() -> None:
    lines = told(undone(why=f"/srv/b/journal.db: a page of it is not what was written; what serves goes on. {'Do this. ' * 20}"))
    title = "FAILED: start web × 1 and wait for health"
    assert f"    3.8 s  b  {title}: /srv/b/journal.db: a page of it is not what was written …" in lines
    assert f"    3.8 s  b  {title}: it ended; it was tried twice" in told(undone(why="it ended; it was tried twice")), "short is whole"


def test_a_barrier_of_a_batch_names_its_hosts() -> None:
    tell = Teller()
    tell(1.0, "barrier", name="switched", seconds=0.05, batch=2, batches=3, hosts=["c", "d"])
    assert told(tell.events)[0].endswith("-- switched -- batch 2 of 3 (c, d), after 50 ms")


def test_a_task_that_was_done_before_says_so() -> None:
    event = Event("step", 1.0, "7-x", "a", {"key": "task:install", "title": "run install", "state": "done", "reused": True, "seconds": 0.0})
    assert words(event) == ["run install: already done"]


@given(st.lists(events_of))
def test_every_line_is_one_line_of_harmless_text(events: list[Event]) -> None:
    for line in told(events):
        assert harmless(line), line
