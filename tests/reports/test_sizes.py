"""Numbers as a person reads them."""

from __future__ import annotations

import pytest

from shipway.reports.sizes import seconds, size


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0 ms"), (0.004, "4 ms"), (0.0994, "99 ms"), (0.1, "0.1 s"), (12.34, "12.3 s"), (99.4, "99.4 s"), (245.0, "4 min 5 s")],
)
def test_seconds(value: float, shown: str) -> None:
    assert seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 B"), (812, "812 B"), (999, "999 B"), (4100, "4.1 kB"), (17_900_000, "17.9 MB"), (2_300_000_000, "2.3 GB"), (5e12, "5000.0 GB")],
)
def test_sizes(value: float, shown: str) -> None:
    assert size(value) == shown
