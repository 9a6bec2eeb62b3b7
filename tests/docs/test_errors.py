"""The catalogue of errors and the source that raises them are one: no code without its line, no line without a code and a way on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from docs.errors import CLASSES, page, raised
from shipway.cli.commands import run
from shipway.flows.catalogue import OPERATOR
from shipway.flows.explain import explain
from shipway.flows.hints import HOSTS, hint
from shipway.flows.words import ExplainWords

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
    assert [code for code in (*OPERATOR, *HOSTS) if f"`{code}` |" not in text] == []
    assert "| 3 | Refused |" in text


def test_the_page_has_a_place_for_every_code_and_explain_names_it() -> None:
    text = page()
    assert [code for code in (*OPERATOR, *HOSTS) if f'<a id="{code}"></a>' not in text] == []
    assert run(["explain", "lease-held"]) == 0


@pytest.mark.parametrize("code", sorted({*OPERATOR, *HOSTS}))
def test_every_code_can_be_explained(code: str) -> None:
    verdict = asyncio.run(explain(ExplainWords(project=Path(), error=code), lambda event: None))
    assert verdict.exit_code == 0
    assert all(meaning["means"] and meaning["next"] and "{" not in meaning["next"] for meaning in verdict.data["meanings"])


def test_what_is_no_code_is_refused_with_those_near_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "lease-hold"]) == 2
    assert "lease-held" in capsys.readouterr().out


def test_an_error_names_its_explanation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--project", str(tmp_path)]) == 2
    assert "about: shipway explain no-repository" in capsys.readouterr().out
