"""The host that builds: it answers, and has room for what it keeps of a commit and for the copy that a build works on."""

from __future__ import annotations

import pytest

from shipway.plan.checks.build_host import RESERVE_BYTES, BuildHost, build_host_findings


@pytest.mark.parametrize(
    ("free_bytes", "free_inodes", "severities"),
    [
        (RESERVE_BYTES + 2_000_000, 20, ["ok", "ok"]),
        (RESERVE_BYTES + 2_000_000, None, ["ok", "ok"]),
        (RESERVE_BYTES + 1_999_999, 20, ["ok", "wrong"]),
        (RESERVE_BYTES + 2_000_000, 19, ["ok", "wrong"]),
    ],
)
def test_room(free_bytes: int, free_inodes: int | None, severities: list[str]) -> None:
    there = BuildHost("ci@10.0.0.9", "linux-x86_64", "3.11.2", "/home/ci/.shipway/builds/shop", free_bytes, free_inodes)
    found = list(build_host_findings(there, 1_000_000, 10, "shipway doctor live"))
    assert [finding.severity for finding in found] == severities
    assert all(finding.next.endswith("then shipway doctor live") for finding in found if finding.severity == "wrong")
