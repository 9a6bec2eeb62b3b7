"""What this machine needs: git always, ssh where a host is reached with it."""

from __future__ import annotations

import pytest

from shipway.plan.checks.operator import Program, operator_findings

GIT = Program("git", "git version 2.39.5")
SSH = Program("ssh", "OpenSSH_9.2p1")


@pytest.mark.parametrize(
    ("git", "ssh", "addresses", "severities"),
    [
        (GIT, SSH, ["deploy@a"], ["ok", "ok"]),
        (Program("git", "git version 2.30.0"), SSH, ["deploy@a"], ["ok", "ok"]),
        (Program("git", "git version 2.9.5"), SSH, ["deploy@a"], ["wrong", "ok"]),
        (Program("git", "git version 1.99"), SSH, ["deploy@a"], ["wrong", "ok"]),
        (Program("git", None), Program("ssh", None), ["deploy@a", "local"], ["wrong", "wrong"]),
        (GIT, Program("ssh", None), ["local", "local"], ["ok", "note"]),
    ],
)
def test_programs(git: Program, ssh: Program, addresses: list[str], severities: list[str]) -> None:
    found = list(operator_findings(git, ssh, addresses))
    assert [finding.severity for finding in found] == severities
    assert all(finding.next for finding in found if finding.severity == "wrong")
