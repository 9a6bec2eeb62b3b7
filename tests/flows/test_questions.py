"""How often each host is asked by commands that change nothing: one login, and as many questions on one host as on sixteen.

Counted at the hosts' end of the in-memory transport. Each command runs on a real repository, from its words to its verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from shipway.flows.deploy import deploy
from shipway.flows.history import history
from shipway.flows.status import status
from shipway.flows.verify import verify
from shipway.flows.want import make
from shipway.flows.words import DeployWords, HistoryWords, StatusWords, VerifyWords
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.release.release import Made
from tests.flows.hosts import Hosts, serve_head

Flow = Callable[[Any, Callable[[Event], None]], Coroutine[Any, Any, Verdict]]


@pytest.fixture(params=[1, 16], ids=["one host", "sixteen hosts"])
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Hosts:
    made = serve_head(tmp_path / "shop", [f"h{number:02}.example" for number in range(request.param)], monkeypatch)
    assert len(made.asked) == request.param
    return made


def asked(hosts: Hosts, flow: Flow, words: Any) -> list[str]:
    """What each host was asked, one as the other, by a command that ends well."""
    verdict = asyncio.run(flow(words, lambda event: None))
    assert verdict.exit_code == 0, verdict.message
    first, *others = hosts.asked.values()
    assert all(other == first for other in others)
    return first


def test_status_looks_once(hosts: Hosts) -> None:
    assert asked(hosts, status, StatusWords(project=Path())) == ["log in", "look"]


def test_history_reads_the_journal_and_looks_once(hosts: Hosts) -> None:
    assert asked(hosts, history, HistoryWords(project=Path())) == ["log in", "events", "look"]


def test_verify_looks_and_has_it_proved(hosts: Hosts) -> None:
    assert asked(hosts, verify, VerifyWords(project=Path(), release="v1")) == ["log in", "look", "prove"]


def test_a_deployment_of_what_serves_already_looks_once(hosts: Hosts) -> None:
    assert asked(hosts, deploy, DeployWords(project=Path())) == ["log in", "look"]


def test_logins_begin_before_the_commit_is_read(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    logged_in: list[int] = []

    async def reads(*words: Any) -> Made:
        logged_in.append(sum(answered[:1] == ["log in"] for answered in hosts.asked.values()))
        return await make(*words)

    monkeypatch.setattr("shipway.flows.shipping.make", reads)
    asked(hosts, deploy, DeployWords(project=Path()))
    assert logged_in == [len(hosts.asked)]
