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
