"""History for people: a line a deployment, a page for one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shipway.flows.attempt import attempt
from shipway.ledger.history import history
from shipway.ledger.store import Ledger
from shipway.model.errors import Refused
from shipway.model.history import History
from shipway.reports.history import history_json, history_text, show_text
from tests.reports.story import START, live, undone

EVENTS = [*live(), *undone("8-def456", START + 3600)]
RECORDS = history(EVENTS)


def test_a_line_a_deployment_newest_first() -> None:
    assert history_text(RECORDS) == [
        "began (UTC)          deployment  kind    version  commit        verdict  took   who         what",
        "2026-09-21 15:13:20  8-def456    deploy  1.2      2ccccccccccc  undone   4.8 s  ann@laptop",
        "2026-09-21 14:13:20  7-abc123    deploy  1.2      2ccccccccccc  live     9.9 s  ann@laptop",
    ]
    assert history_text(History()) == ["nothing is remembered here, and no host remembers a deployment"]
    assert [record["verdict"] for record in history_json(RECORDS)] == ["undone", "live"]


def test_what_was_refused_says_why_and_not_what_state_things_are_in(tmp_path: Path) -> None:
    with pytest.raises(Refused), attempt(tmp_path, lambda event: None):
        raise Refused("no release is called 'x'", state="nothing was touched; every host serves what it served", hint="", code="ref")
    with Ledger(tmp_path) as ledger:
        line = history_text(ledger.history("production"))[1]
    assert "  refused  " in line and line.endswith("  no release is called 'x'")
    assert "nothing was touched" in show_text(replace(RECORDS.records[0], message="no; nothing was touched"))[2], "the page has all of it"


def test_a_page_for_one_deployment_has_its_timeline_and_every_step() -> None:
    page = show_text(RECORDS.records[0], undone("8-def456", START + 3600))
    assert page[0] == "deploy 8-def456 in production" and page[1] == "  undone: failed, and undone everywhere"
    assert any(line.startswith("b ") and "!" in line for line in page), "the timeline"
    assert "      2.8 s  failed   start web × 1 and wait for health (1.0 s): web.1 ended with 3" in page


def test_a_deployment_of_another_machine_is_told_as_far_as_the_hosts_know() -> None:
    bob = replace(RECORDS.records[0], who="bob@\x1b[1mdesk", began=START, ended=None)
    record = replace(bob, hosts={"a": {"decision": "committed"}, "b": {}})
    page = show_text(record)
    assert "  by bob@desk, 2026-09-21 14:13:20 UTC, took -" in page
    assert "  hosts: a committed, b undecided" in page and all(line.isprintable() for line in page)
