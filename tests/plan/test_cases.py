"""Cases as data: each folder of tests/plans is an intent, what hosts say, and the plan that must come out of both."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.plan.cases import CASES, said

FOUND = sorted(path for path in CASES.iterdir() if path.is_dir())


@pytest.mark.parametrize("case", FOUND, ids=lambda path: path.name)
def test_the_plan_is_the_one_that_was_reviewed(case: Path) -> None:
    expected = case / "plan.txt"
    now = said(case)
    if os.environ.get("UPDATE"):
        expected.write_text(now)
    assert now == expected.read_text(), f"{case.name}: UPDATE=1 writes the new plan; review it as a diff"
