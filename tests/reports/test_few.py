"""Of many hosts: a sentence names the first, a drawing shows those in trouble and the slowest, and both count the others."""

from __future__ import annotations

from typing import Any

from shipway.reports.few import NAMED, fewer, named
from shipway.reports.json import report
from shipway.reports.layout import layout
from shipway.reports.page import MOST_HOSTS, page
from shipway.reports.timeline import timeline
from tests.execute.crowd import Crowd, deployed


def names(count: int) -> list[str]:
    return [f"h{number:05}" for number in range(count)]


def test_few_are_named_and_many_counted() -> None:
    assert named(["a", "b"]) == "a, b"
    assert named(names(NAMED)).count(",") == NAMED - 1
    assert named(names(10_000)) == "h00000, h00001, h00002, h00003, h00004 and 9,995 more"
    assert "\x1b" not in named(["a\x1b[2J"])


def told(count: int) -> dict[str, Any]:
    return report(deployed(Crowd(count)).told)


def test_those_in_trouble_come_first_then_the_slowest_and_the_others_are_counted() -> None:
    whole = told(30)
    hosts = whole["hosts"]
    hosts["h00020"]["went_back"] = "its lead is silent"
    hosts["h00025"]["steps"][0]["seconds"] = 99.0
    some, others = fewer(whole, 2)
    assert list(some["hosts"]) == ["h00020", "h00025"]
    assert others == "and 28 more: 28 committed"
    assert fewer(whole, 30) == (whole, "")


def test_a_drawing_and_a_page_of_many_hosts_stay_short() -> None:
    whole = told(MOST_HOSTS + 10)
    assert len(timeline(layout(fewer(whole, 40)[0]))) == 42
    text = page(whole)
    assert "and 10 more: 10 committed" in text
    assert text.count("<section") < MOST_HOSTS + 20
