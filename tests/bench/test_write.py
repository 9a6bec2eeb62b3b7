"""The tables of a page come from a result, and all that stands outside their markers stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.side.machine import ROOT
from bench.side.result import Cell, Result
from bench.side.write import BEGIN, END, hottest, measured, short_table, together, write
from tests.bench.test_goals import CELL, SCRIPT, result


def test_a_page_keeps_what_lies_outside_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n{BEGIN.format('short')}\nold\n{END}\nAfter.\n")
    write(page, {"short": ["", "new", ""]})
    assert page.read_text() == f"Before.\n{BEGIN.format('short')}\nnew\n{END}\nAfter.\n"


def test_a_page_without_the_marker_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("Before.\n")
    with pytest.raises(ValueError, match="short"):
        write(tmp_path / "page.md", {"short": ["new"]})


@pytest.mark.parametrize(
    ("page", "names"), [("README.md", ["short"]), ("docs/performance.md", ["about", "goals", "growth", "crowd", "data", "profile", "all"])]
)
def test_our_pages_have_the_markers(page: str, names: list[str]) -> None:
    text = (ROOT / page).read_text()
    assert [name for name in names if BEGIN.format(name) not in text] == []
    assert text.count(END) == len(names)


def test_what_was_not_measured_stays_as_it_is() -> None:
    grown = replace(CELL, growth="hosts: 4")
    assert set(measured(_loaded(SCRIPT, CELL), "")) == {"short", "about", "goals", "all"}
    assert set(measured(_loaded(grown), "")) == {"growth"}
    assert set(measured(_loaded(), "### first\n")) == {"profile"}


def _loaded(*cells: Cell) -> Result:
    return replace(result(*cells), about={"machine": "m", "began": "b", "ssh": "s", "commit": "c", "load": "0 to 1"})


def test_the_short_table_begins_with_shipway_and_leaves_open_what_was_not_measured() -> None:
    lines = list(short_table(result(SCRIPT, CELL, replace(CELL, hosts=64))))
    assert lines[2] == "| shipway | 0.5 s | – | – | – | – | – | – | – |"
    assert lines[3] == "| sh | 0.8 s | – | – | – | – | – | – | – |"


def test_several_results_are_one_with_the_span_of_their_loads() -> None:
    parts = [replace(result(cell), about={"machine": "m", "began": "b", "load before": low, "load after": high}) for cell, low, high in
             ((CELL, "1.5", "2.0"), (SCRIPT, "0.5", "11.0"))]  # fmt: skip
    both = together(parts)
    assert both.cells == [CELL, SCRIPT]
    assert both.about["load"] == "0.5 to 11.0"


def test_of_a_profile_the_three_hottest_paths_are_shown() -> None:
    steps = [
        f"\n### {step}\n\n#### operator: 1 s\n\n| {step} |\n\n#### serve on the first host: 2 s\n\n| host {step} |"
        for step in ("first", "small", "status")
    ]
    assert list(hottest("\n".join(steps))) == [
        "\n### `first`: operator: 1 s\n\n| first |",
        "\n### `small`: serve on the first host: 2 s\n\n| host small |",
        "\n### `status`: operator: 1 s\n\n| status |",
    ]
