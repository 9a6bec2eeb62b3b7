"""What became of every request, added up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load import Sample
from load.outcome import fold, read

samples = st.builds(
    Sample,
    at=st.floats(1e9, 2e9),
    seconds=st.floats(0, 60),
    kind=st.sampled_from(["keep-alive", "fresh", "slow"]),
    address=st.just("127.0.0.1:1"),
    status=st.sampled_from([0, 200, 502]),
    version=st.sampled_from(["", "1", "2"]),
    error=st.sampled_from(["", "head: gone"]),
)


def sample(at: float, version: str = "1", error: str = "", kind: str = "fresh", seconds: float = 0.01) -> Sample:
    return Sample(at, seconds, kind, "127.0.0.1:1", 0 if error else 200, version, error)


@given(st.lists(samples))
def test_nothing_is_counted_twice_or_left_out(made: list[Sample]) -> None:
    outcome = fold(made)
    assert outcome.sent == len(made) == sum(totals.sent for totals in outcome.kinds.values())
    assert outcome.failed == len(outcome.failures) == sum(totals.failed for totals in outcome.kinds.values())
    assert outcome.sent - outcome.failed == sum(span.answers for span in outcome.versions.values())
    assert outcome.sent - outcome.failed == sum(sum(step.values()) for _, step in outcome.timeline())
    assert str(outcome)


def test_versions_are_listed_in_the_order_in_which_they_came() -> None:
    outcome = fold([sample(3.0, "2"), sample(1.0), sample(2.0), sample(9.0, "2")])
    assert list(outcome.versions) == ["1", "2"]
    assert (outcome.versions["1"].first_at, outcome.versions["1"].last_at, outcome.versions["1"].answers) == (1.0, 2.0, 2)


def test_answers_per_version_over_time() -> None:
    outcome = fold([sample(10.0), sample(10.9), sample(11.0, "2"), sample(13.5, "2"), sample(13.6, error="head: gone")])
    assert outcome.timeline() == [(0.0, {"1": 2}), (1.0, {"2": 1}), (3.0, {"2": 1})]


def test_the_99th_percentile_is_of_requests_that_ask_for_no_time() -> None:
    quick = [sample(float(n), seconds=n / 1000) for n in range(1, 101)]
    assert fold([*quick, sample(1.0, kind="slow", seconds=5.0)]).p99_seconds == pytest.approx(0.1)


def test_a_line_that_was_torn_off_is_no_sample(tmp_path: Path) -> None:
    path = tmp_path / "samples"
    path.write_text(json.dumps(sample(1.0)) + "\n" + json.dumps(sample(2.0))[:20])
    assert read(path) == [sample(1.0)]


def test_failures_are_named_with_kind_address_and_cause() -> None:
    text = str(fold([sample(1.0), sample(2.0, error="body: the server closed the connection after 4 bytes")]))
    assert "2 requests" in text
    assert "1 failed" in text
    assert "fresh 127.0.0.1:1: body: the server closed the connection after 4 bytes" in text
