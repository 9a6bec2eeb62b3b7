"""The catalogue of errors and the source that raises them are one: no code without its line, no line without a code and a way on."""

from __future__ import annotations

import pytest

from docs.errors import CLASSES, OPERATOR, page, raised
from shipway.flows.hints import HOSTS, hint

HERE = {one.code for one in raised() if one.by in CLASSES}
THERE = {one.code for one in raised() if one.by not in CLASSES}


def test_every_code_that_this_machine_raises_is_in_the_catalogue() -> None:
    assert HERE - set(OPERATOR) - set(HOSTS) == set()


def test_every_code_that_a_host_or_the_way_to_it_raises_has_its_advice() -> None:
    assert THERE - set(HOSTS) == set()


def test_the_catalogue_lists_no_code_that_nothing_raises() -> None:
    assert set(OPERATOR) - HERE == set()
    assert set(HOSTS) - THERE == set()


def test_the_scan_finds_what_is_passed_by_keyword_by_place_through_functions_and_by_subclasses() -> None:
    assert {"config", "target-unknown", "shadowed", "git", "lease-held"} <= HERE
    assert {"host-key-changed", "died", "fenced", "foreign", "disk-full", "system", "no-python", "lost", "overdue"} <= THERE


@pytest.mark.parametrize("code", sorted(HOSTS))
def test_every_advice_can_be_filled_in(code: str) -> None:
    said = hint(code, environment="production", host="a", address="ann@example.org")
    assert said
    assert "{" not in said and "ADDRESS" not in said and "ENV" not in said


def test_an_unknown_code_has_the_general_advice() -> None:
    assert "shipway deploy production" in hint("of-next-year", environment="production", host="a", address="local")


def test_the_page_has_a_row_for_every_code() -> None:
    text = page()
    assert [code for code in (*OPERATOR, *HOSTS) if f"| `{code}` |" not in text] == []
    assert "| 3 | Refused |" in text
