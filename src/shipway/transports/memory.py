"""An object that answers in, a channel to it out: hosts without machines, for tests of everything above the transports."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol

from shipway.model.errors import HostRefused, LinkLost, Unreachable
from shipway.model.intent import Host
from shipway.transports.base import Channel, End, Json, open_and_ask
from shipway.transports.channel import overdue
from shipway_agent.errors import AgentError

Emit = Callable[[Json], None]


class Answers(Protocol):
    """What stands in for an agent: one method that answers a call, directly or as an awaitable.

    It may raise AgentError, which reaches the caller as HostRefused, or the errors of a channel themselves (LinkLost, Overdue).
    """

    def answer(self, name: str, args: dict[str, Any], body: bytes, emit: Emit) -> dict[str, Any] | Awaitable[dict[str, Any]]: ...


class MemoryTransport:
    """Opens channels to `agents`, by the name of the host. A host that is not among them is Unreachable."""

    def __init__(self, agents: Mapping[str, Answers]) -> None:
        self.agents = agents

    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> Channel:
        """A channel to the object of that host's name. Raises Unreachable."""
        if host.name not in self.agents:
            raise Unreachable(host.name, "unreachable", f"no such host in memory: {host.name}")
        return MemoryChannel(host, self.agents[host.name])

    async def log_in(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> End:
        """A new login with an answer. Raises as `open` does, and LinkLost."""
        return await open_and_ask(self, host, app=app, environment=environment, timeout_seconds=timeout_seconds)


class MemoryChannel:
    """A Channel whose other end is an object. Arguments and answers pass through JSON, so that nothing is shared by accident."""

    def __init__(self, host: Host, agent: Answers) -> None:
        self.host = host
        self._agent = agent
        self._sent = 0
        self._closed = False
        self.took_login = True

    @property
    def bytes_sent(self) -> int:
        return self._sent

    async def call(
        self,
        name: str,
        args: Json | None = None,
        *,
        body: AsyncIterator[bytes] | None = None,
        on_event: Callable[[Json], None] | None = None,
        timeout_seconds: float = 30.0,
    ) -> dict[str, Any]:
        if self._closed:
            raise LinkLost(self.host.name, "closed", "the channel was closed")
        text = json.dumps({"call": name, "args": dict(args or {})})
        self._sent += len(text)
        bound = asyncio.timeout(timeout_seconds)
        try:
            async with bound:
                content = b"".join([part async for part in body]) if body is not None else b""
                self._sent += len(content)
                answer = self._agent.answer(name, json.loads(text)["args"], content, _emitter(on_event))
                if inspect.isawaitable(answer):
                    answer = await answer
        except AgentError as error:
            raise HostRefused(self.host.name, error.code, error.message, lines=error.lines, facts=error.facts) from None
        except TimeoutError:
            if not bound.expired():
                raise
            raise overdue(self.host.name, name, timeout_seconds) from None
        copied: dict[str, Any] = json.loads(json.dumps(answer))
        return copied

    async def close(self) -> None:
        self._closed = True


def _emitter(on_event: Callable[[Json], None] | None) -> Emit:
    def emit(event: Json) -> None:
        if on_event is not None:
            on_event(json.loads(json.dumps(event)))

    return emit
