"""JSON for programs: the lines of --json and the report, checked against the schemas that docs/reference/ publishes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from shipway.model.event import KINDS, Event
from shipway.model.verdict import Verdict
from shipway.reports.json import event_line, report, verdict_line
from shipway.reports.schemas import DATA, events_schema, report_schema
from tests.reports.story import live, undone
from tests.reports.test_fold import events_of

LINE = Draft202012Validator(events_schema())
REPORT = Draft202012Validator(report_schema())


@pytest.mark.parametrize("events", [live(), undone()], ids=["live", "undone"])
def test_every_event_is_one_line_as_the_schema_says(events: list[Event]) -> None:
    for event in events:
        line = event_line(event)
        assert "\n" not in line and line.isascii() and line.isprintable()
        LINE.validate(json.loads(line))


def test_the_verdict_is_the_last_line_and_has_the_exit_code() -> None:
    line = json.loads(verdict_line(Verdict("live", 0, "1.2 is live", "", "7-x", {"report": "path"})))
    LINE.validate(line)
    assert line["event"] == "verdict" and line["exit_code"] == 0 and line["verdict"] == "live"


def test_every_kind_of_event_has_a_declaration_and_every_declaration_a_kind() -> None:
    assert set(DATA) == set(KINDS)


def test_an_event_that_is_not_as_declared_is_caught() -> None:
    wrong = json.loads(event_line(live()[0]))
    del wrong["data"]["seconds"]
    assert not LINE.is_valid(wrong)
    assert not LINE.is_valid({**json.loads(event_line(live()[0])), "event": "unheard of"})


def test_the_report_of_a_deployment_that_went_live() -> None:
    made = report(live())
    REPORT.validate(made)
    assert made["verdict"] == "live" and made["exit_code"] == 0 and made["seconds"] == pytest.approx(9.9)
    assert made["release"] == {"digest": "2" + "d" * 63, "commit": "2" + "c" * 39, "tree": "2" + "e" * 39, "version": "1.2"}
    assert made["generation"] == {"before": 6, "after": 7} and made["decision"] == "committed" and made["who"] == "ann@laptop"
    assert made["activation_seconds"] == pytest.approx(4.0), "from the first switch to the last proof"
    assert made["downtime_seconds"] == 0.0
    assert made["bytes_moved"] == {"content": 3_000_000, "sent": 1_000_200, "between_hosts": 0}
    assert [(p["name"], round(p["seconds"], 1)) for p in made["phases"]][:2] == [("ship", 0.6), ("prepare", 2.0)]
    b = made["hosts"]["b"]
    assert b["generation_before"] == 6 and b["decision"] == "committed" and b["probes"][0]["ok"]
    assert [(s["key"], s["phase"], s["state"]) for s in b["steps"]][-2:] == [("switch", "switch", "done"), ("prove", "verify", "done")]
    assert made["began"] == "2026-09-21T14:13:20.100+00:00"


def test_the_report_of_one_that_was_undone_has_the_error_and_the_last_output() -> None:
    made = report(undone())
    REPORT.validate(made)
    failed = [step for step in made["hosts"]["b"]["steps"] if step["error"]]
    assert [step["error"] for step in failed] == [
        {"code": "died", "message": "web.1 ended with 3", "lines": ["importing", "no module shop"]}
    ]
    assert made["hosts"]["b"]["last_output"] == ["Traceback: no module shop"]
    assert made["activation_seconds"] is None and made["downtime_seconds"] is None and made["decision"] == "reverted"


def test_a_deployment_without_an_ending_was_interrupted() -> None:
    made = report(live()[:-1])
    REPORT.validate(made)
    assert made["verdict"] == "interrupted" and made["exit_code"] is None and made["ended"] is None


@settings(max_examples=60)
@given(st.lists(events_of.filter(lambda e: e.kind not in ("phase", "ended"))))
def test_whatever_hosts_send_the_report_keeps_to_its_schema(events: list[Event]) -> None:
    made = json.loads(json.dumps(report(events)))
    REPORT.validate(made)
