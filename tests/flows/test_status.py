"""`shipway status` where something has drifted: what it names next brings back what serves, and nothing newer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from shipway.flows.status import status
from shipway.flows.words import StatusWords
from tests.flows.hosts import serve_head
from tests.plan.fleet import changed


def test_what_drifted_is_repaired_with_the_commit_that_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = serve_head(tmp_path / "shop", ("a", "b"), monkeypatch)
    hosts.said["b"] = changed(hosts.said["b"], drift=["app.py was changed by somebody"])
    verdict = asyncio.run(status(StatusWords(project=Path()), lambda event: None))
    commit = hosts.said["b"]["generations"]["1"]["commit"]
    assert (verdict.exit_code, verdict.hint) == (4, f"shipway deploy production --ref {commit[:12]} repairs it")
