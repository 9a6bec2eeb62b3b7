"""`shipway status` where something is not as recorded: what it names next brings back what serves, and nothing newer."""

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


def test_a_damaged_journal_is_named_with_its_way_out_and_no_deployment_is_said_to_repair_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = serve_head(tmp_path / "shop", ("a", "b"), monkeypatch)
    why = "/srv/b/journal.db: a page of it is not what was written"
    hosts.said["b"] = changed(hosts.said["b"], drift=[why, "app.py was changed by somebody"], unsound=why)
    verdict = asyncio.run(status(StatusWords(project=Path()), lambda event: None))
    commit = hosts.said["b"]["generations"]["1"]["commit"]
    assert (verdict.exit_code, verdict.message) == (4, "the journal of b is damaged")
    assert verdict.hint.startswith("shipway doctor production --fix makes it anew")
    assert verdict.hint.endswith(f"shipway deploy production --ref {commit[:12]}")
    assert f"b: {why}" in verdict.data["lines"]
