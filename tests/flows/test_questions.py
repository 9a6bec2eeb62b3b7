"""How often each host is asked by commands that change nothing: one login, and as many questions on one host as on sixteen.

Counted at the hosts' end of the in-memory transport. Each command runs on a real repository, from its words to its verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from shipway.execute.telling import Tell
from shipway.flows.deploy import deploy
from shipway.flows.history import history
from shipway.flows.project import open_project
from shipway.flows.status import status
from shipway.flows.verify import verify
from shipway.flows.want import filled, make, want
from shipway.flows.words import DeployWords, HistoryWords, StatusWords, VerifyWords
from shipway.model.event import Event
from shipway.model.intent import Host
from shipway.model.verdict import Verdict
from shipway.release.release import Made
from shipway.transports.base import Channel, End
from shipway.transports.memory import Emit, MemoryTransport
from tests.apps import Repository
from tests.plan import fleet as fleets

SETTINGS = """\
app = "shop"
[process.web]
run = "serve"
[environment.production]
hosts = [{hosts}]
"""

Flow = Callable[[Any, Callable[[Event], None]], Coroutine[Any, Any, Verdict]]


class Hosts:
    """All of them serve HEAD. `asked` are the names of the calls that each one answered, with `log in` for a login."""

    def __init__(self, directory: Path) -> None:
        project = open_project(directory)
        tell = Tell(lambda event: None, lambda: 0.0)
        wanted = asyncio.run(filled(project, want(project, None, None), tell))
        self.said = fleets.serving(wanted.intent, [asyncio.run(make(project, wanted, tell)).release])
        self.asked: dict[str, list[str]] = {name: [] for name in self.said}
        self._memory = MemoryTransport({name: self._agent(name) for name in self.said})

    def _agent(self, host: str) -> Any:
        hosts = self

        class Agent:
            def answer(self, name: str, args: dict[str, Any], body: bytes, emit: Emit) -> dict[str, Any]:
                hosts.asked[host].append(name)
                return {"look": hosts.said[host], "events": {"events": []}, "prove": {"probes": []}}[name]

        return Agent()

    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> Channel:
        self.asked[host.name].append("log in")
        return await self._memory.open(host, app=app, environment=environment, timeout_seconds=timeout_seconds)

    async def log_in(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> End:
        self.asked[host.name].append("log in")
        return await self._memory.log_in(host, app=app, environment=environment, timeout_seconds=timeout_seconds)


@pytest.fixture(params=[1, 16], ids=["one host", "sixteen hosts"])
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Hosts:
    names = ", ".join(f'"h{number:02}.example"' for number in range(request.param))
    repository = Repository(tmp_path / "shop")
    repository.write("shipway.toml", SETTINGS.format(hosts=names))
    repository.commit("Version 1", "v1")
    monkeypatch.chdir(repository.directory)
    made = Hosts(repository.directory)
    assert len(made.asked) == request.param
    monkeypatch.setattr("shipway.flows.reach.transports", lambda count, leave: lambda host: made)
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
