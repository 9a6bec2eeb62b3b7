"""History for people: a line a deployment, a page for one."""

from __future__ import annotations

from dataclasses import replace

from shipway.ledger.history import history
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
