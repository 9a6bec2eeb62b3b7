"""The directory of a project and the names of its hosts in, hosts in memory out: all serve HEAD, and count what they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from shipway.execute.telling import Tell
from shipway.flows.project import open_project
from shipway.flows.want import filled, make, want
from shipway.model.intent import Host
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


def serve_head(directory: Path, names: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """A project of one commit, `v1`, in `directory`, which becomes the working directory; every command reaches these hosts."""
    repository = Repository(directory)
    repository.write("shipway.toml", SETTINGS.format(hosts=", ".join(f'"{name}"' for name in names)))
    repository.commit("Version 1", "v1")
    monkeypatch.chdir(repository.directory)
    made = Hosts(repository.directory)
    monkeypatch.setattr("shipway.flows.reach.transports", lambda count, leave: lambda host: made)
    return made
