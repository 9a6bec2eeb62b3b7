"""`shipway verify` where the answer is no: what it names next is the repair, where what a host says of itself tells which it is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from shipway.flows.verify import verify
from shipway.flows.words import VerifyWords
from shipway.model.verdict import Verdict
from tests.flows.hosts import Hosts, serve_head
from tests.plan.fleet import changed

DAMAGE = "app.py was changed by somebody"


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    return serve_head(tmp_path / "shop", ("a", "b"), monkeypatch)


def generation(hosts: Hosts, host: str) -> dict[str, Any]:
    document: dict[str, Any] = hosts.said[host]["generations"]["1"]
    return document


def said_no() -> Verdict:
    verdict = asyncio.run(verify(VerifyWords(project=Path(), release="v1"), lambda event: None))
    assert verdict.exit_code == 1
    return verdict


def test_what_is_damaged_is_deployed_again_from_the_commit_that_serves(hosts: Hosts) -> None:
    hosts.said["b"] = changed(hosts.said["b"], drift=[DAMAGE])
    verdict = said_no()
    assert verdict.data["wrong"] == {"b": DAMAGE}
    assert verdict.hint == f"shipway deploy production --ref {generation(hosts, 'b')['commit'][:12]} repairs it"


def test_a_repair_is_named_before_a_look_at_who_serves_another_release(hosts: Hosts) -> None:
    generation(hosts, "a").update(version="v0", commit="0" * 40, release="0" * 64)
    assert said_no().hint == "shipway status production shows each host"
    hosts.said["b"] = changed(hosts.said["b"], drift=[DAMAGE])
    verdict = said_no()
    assert list(verdict.data["wrong"]) == ["a", "b"] and verdict.hint.startswith("shipway deploy production --ref ")


def test_what_was_stopped_is_started(hosts: Hosts) -> None:
    generation(hosts, "b").update(closed="stopped")
    assert said_no().hint == "shipway start production starts it"


def test_where_no_supervisor_runs_doctor_starts_it(hosts: Hosts) -> None:
    hosts.said["a"] = changed(hosts.said["a"], supervisor={"running": False})
    assert said_no().hint.startswith("shipway doctor production --fix ")
