"""A moment has the same name in every run, whatever the deployment is called; one that comes again has a number."""

from __future__ import annotations

from pathlib import Path

from tests.faults.moments import Moments, label, read


def test_moments_are_named_after_what_they_are_of(tmp_path: Path) -> None:
    record = tmp_path / "moments"
    moments = Moments(record, None)
    for deployment in ("3-3498bf", "17-0e0897"):
        told = label("run", {"steps": [{"key": f"acknowledged:{deployment}"}]})
        assert told is not None
        moments.come("a", "before", told)
        moments.come("a", "started", f"acknowledged:{deployment}")
    moments.come("b", "started", "task:announce")
    assert [moment.name for moment in read(record)] == [
        "a before run:acknowledged",
        "a started acknowledged",
        "a before run:acknowledged#2",
        "a started acknowledged#2",
        "b started task:announce",
    ]


def test_what_leaves_no_trace_on_a_host_is_no_moment() -> None:
    assert label("decide", {"do": "commit"}) == "decide:commit"
    assert label("decide", {"do": "renew"}) is None
    assert label("run", {"steps": []}) is None
