"""What an attempt remembers is bounded, and what counts is always in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.flows import attempt as attempts
from shipway.flows.attempt import attempt
from shipway.model.event import Event
from shipway.model.verdict import Verdict


def test_whoever_watches_sees_all_output_and_the_attempt_remembers_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "OUTPUT_LINES", 100)
    seen: list[Event] = []
    with attempt(tmp_path, seen.append) as made:
        for number in range(200):
            made.say("output", host="a", key="task:install", line=str(number))
        made.say("note", message="after the flood")
        made.ended(Verdict("live", 0, "done", "", made.tell.deployment))
    assert len(seen) == 202
    assert [event.data["line"] for event in made.events if event.kind == "output"][-1] == "99"
    assert [event.kind for event in made.events[100:]] == ["note", "ended"]


def test_the_page_is_drawn_with_the_report_but_not_while_users_could_notice(tmp_path: Path) -> None:
    def written(kind: str) -> list[int]:
        """Which file it is: each writing replaces it by another one."""
        return [file.stat().st_ino for file in tmp_path.glob(f".shipway/reports/*.{kind}")]

    with attempt(tmp_path, lambda event: None) as made:
        made.say("phase", name="start", wave="ready")
        page, report = written("html"), written("json")
        assert len(page) == len(report) == 1, "a driver that is killed leaves a page too"
        made.say("phase", name="switch", wave="switched")
        assert written("html") == page and written("json") != report
        made.ended(Verdict("live", 0, "done", "", made.tell.deployment))
        assert written("html") != page
