"""The path of a report in the place of a state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shipway.flows.revert_report import Undone, undone_by
from shipway.model.errors import WrongInput

TOLD = {"deployment": "7-abc123", "environment": "production", "generation": {"before": 6, "after": 7}}


def written(place: Path, told: object) -> str:
    path = place / "7-abc123.json"
    path.write_text(json.dumps(told))
    return str(path)


def test_a_report_names_what_was_current_before_its_deployment(tmp_path: Path) -> None:
    path = written(tmp_path, TOLD)
    assert undone_by(path, None) == undone_by(path, "production") == Undone("7-abc123", "production", 6, 7)
    assert undone_by("@previous", None) is None


@pytest.mark.parametrize(
    ("told", "environment", "why"),
    [
        ([1], None, "is no report of a deployment"),
        ({**TOLD, "generation": {"before": None, "after": 7}}, None, "nothing was current in production before"),
        (TOLD, "staging", "is of production, and not of staging"),
    ],
)
def test_what_is_no_report_that_can_be_undone_says_why(told: object, environment: str | None, why: str, tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match=why):
        undone_by(written(tmp_path, told), environment)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="cannot be read as a report"):
        undone_by(str(tmp_path / "none.json"), None)
