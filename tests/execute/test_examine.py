"""How far a clock is from ours, when all that is known is between which two moments it was read."""

from __future__ import annotations

import pytest

from shipway.execute.examine import skew


@pytest.mark.parametrize(("clock", "expected"), [(100.0, 0.0), (105.0, 0.0), (110.0, 0.0), (117.0, 7.0), (93.0, -7.0)])
def test_only_what_lies_outside_of_the_question_is_a_difference(clock: float, expected: float) -> None:
    assert skew(clock, 100.0, 110.0) == expected
