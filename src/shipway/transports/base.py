"""A host in, a channel out. What every transport is: one open channel that carries calls to the agent of one host."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Protocol

from shipway.model.intent import Host

Json = Mapping[str, Any]

End = Coroutine[Any, Any, None]
"""What is left of a login, to be awaited or to run beside other things: it never raises."""

ANSWER_SECONDS = 10.0
"""Bound of the first answer over a new login."""


class Channel(Protocol):
    """A framed channel to one agent. Calls may overlap; each is answered by its own id."""

    host: Host

    took_login: bool
    """Whether it was a new login; not where an earlier command's connection was still open."""

    async def call(
        self,
        name: str,
        args: Json | None = None,
        *,
        body: AsyncIterator[bytes] | None = None,
        on_event: Callable[[Json], None] | None = None,
        timeout_seconds: float = 30.0,
    ) -> dict[str, Any]:
        """Ask the agent. `body` is sent after the request; `on_event` gets what it streams before its answer.

        Raises HostRefused when it says no, LinkLost when the channel breaks (the outcome is unknown), Overdue past the bound.
        """
        ...

    @property
    def bytes_sent(self) -> int:
        """Bytes written to the channel so far."""
        ...

    def close(self) -> Coroutine[Any, Any, None]:
        """End the channel. Never raises, never waits longer than 2 s."""
        ...


class Transport(Protocol):
    """How one kind of address is reached."""

    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> Channel:
        """A new login: the agent is brought, checked and started. Raises Unreachable."""
        ...

    async def log_in(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> End:
        """A new login that finds the host as the next driver would. Its end, which nobody need wait for, is handed back.

        Raises Unreachable, LinkLost, Overdue.
        """
        ...


async def open_and_ask(
    transport: Transport, host: Host, *, app: str, environment: str, timeout_seconds: float
) -> Coroutine[Any, Any, None]:
    """A login that starts the agent and has it say something. Hands back its end. Raises Unreachable, LinkLost, Overdue."""
    channel = await transport.open(host, app=app, environment=environment, timeout_seconds=timeout_seconds)
    try:
        await channel.call("fresh", timeout_seconds=ANSWER_SECONDS)
    except BaseException:
        await channel.close()
        raise
    return channel.close()
