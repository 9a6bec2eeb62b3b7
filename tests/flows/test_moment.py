"""A time as a person writes it."""

from __future__ import annotations

import pytest

from shipway.flows.moment import moment

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("2026-11-30T08:15", 1_796_026_500.0),
        ("2026-11-30 08:15:00Z", 1_796_026_500.0),
        ("2026-11-30T09:15+01:00", 1_796_026_500.0),
        ("90s", NOW - 90),
        ("2h", NOW - 7200),
        ("3d", NOW - 3 * 86400),
    ],
)
def test_a_time_is_of_utc_unless_it_says_otherwise_or_counts_back_from_now(words: str, at: float) -> None:
    assert moment(words, NOW) == at


@pytest.mark.parametrize("words", ["@previous", "17", "v1.2", "2026-13-01", "2026-11-30T99", "2 h", "abc1234"])
def test_what_is_no_time_is_none(words: str) -> None:
    assert moment(words, NOW) is None
