"""A host that ssh understands in, a channel to its agent out: through the user's own OpenSSH client, one process a channel.

So ssh_config, agents, jump hosts, certificates and hardware keys work as they do by hand. SHIPWAY_SSH_CONFIG names a configuration
file to use in place of the user's. SHIPWAY_WARM_SECONDS lets connections stay open between commands (warm.py); the login that proves
that a host lets people in is always a new one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway.transports.base import Channel, End, open_and_ask
from shipway.transports.bootstrap import NoAgent, arrive, is_there
from shipway.transports.channel import FramedChannel
from shipway.transports.complaints import Complaint, explain, offered_key
from shipway.transports.early import Login, take
from shipway.transports.greeting import DEFAULT_PROXY, greeting, root_of
from shipway.transports.link import Link, adopt, start
from shipway.transports.passing import Passing
from shipway.transports.ssh_command import CONFIG_VARIABLE, WARM_VARIABLE, ssh_command, ssh_destination, ssh_environment
from shipway.transports.stage import REMOTE_COMMAND
from shipway.transports.undelayed import undelayed

if TYPE_CHECKING:
    from shipway.transports.warm import Connection

T = TypeVar("T")

WARM_ANSWER_SECONDS = 5.0
"""Within this time a session begins on a connection that is open, or a new login is made: the program that keeps it may hang."""


class SshTransport:
    """Opens channels with `ssh`. Those of one fleet share a `passing`, where hosts that lack the agent get it from each other."""

    def __init__(self, passing: Passing | None = None, leave: asyncio.Event | None = None) -> None:
        """Until `leave` is set nothing is made on a host that lacks the agent; None is leave to."""
        self._passing = passing
        self._leave = leave

    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> Channel:
        """A new login, or a session on the connection that an earlier command left open (warm.py).

        Raises Unreachable: address, no-ssh, ssh-config, host-key-unknown, host-key-changed, host-key-revoked, login,
        unreachable, no-python, noise, root.
        """
        root = root_of(host, app, environment)
        begun = take(host, greeting(host, root, DEFAULT_PROXY))
        warm = await asyncio.to_thread(_warm, host) if os.environ.get(WARM_VARIABLE) else None

        async def opened(seconds: float, options: Mapping[str, str]) -> FramedChannel:
            return await open_agent(
                host,
                REMOTE_COMMAND,
                root=root,
                proxy=DEFAULT_PROXY,
                timeout_seconds=seconds,
                passing=self._passing,
                leave=self._leave,
                options=options,
                begun=begun,
            )

        if warm is None:
            return await opened(timeout_seconds, {})
        if await asyncio.to_thread(lambda: warm.is_open):
            try:
                channel = await opened(min(WARM_ANSWER_SECONDS, timeout_seconds), warm.using)
            except Unreachable:
                warm.forget()  # whatever is wrong with it, a new login says it as ever, or finds that nothing is
            else:
                channel.took_login = False
                return channel
        return await opened(timeout_seconds, warm.opening)

    async def log_in(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> End:
        """A new login that finds its agent and starts nothing; where it finds none, one that brings and starts it. Raises as `open` does,
        and LinkLost.
        """
        root = root_of(host, app, environment)
        link, there = await _logged_in(
            host, REMOTE_COMMAND, timeout_seconds, lambda link, bound: is_there(link, host, root=root, proxy=DEFAULT_PROXY)
        )
        if there:
            return link.close()
        await link.close()
        return await open_and_ask(self, host, app=app, environment=environment, timeout_seconds=timeout_seconds)


async def open_agent(
    host: Host,
    remote_command: str,
    *,
    root: str,
    proxy: str,
    timeout_seconds: float,
    passing: Passing | None = None,
    leave: asyncio.Event | None = None,
    options: Mapping[str, str] | None = None,
    begun: Login | None = None,
) -> FramedChannel:
    """Log in and have `remote_command`, which is one of our constants, start the agent. `options` go before ALWAYS; `begun` is a login

    that is under way. Raises Unreachable.
    """
    greeted = begun is not None and bool(begun.said)
    link, _ = await _logged_in(
        host,
        remote_command,
        timeout_seconds,
        lambda link, bound: arrive(link, host, root=root, proxy=proxy, passing=passing, leave=leave, bound=bound, greeted=greeted),
        options,
        begun,
    )
    return FramedChannel(host, link)


async def _logged_in(
    host: Host,
    remote_command: str,
    timeout_seconds: float,
    greet: Callable[[Link, asyncio.Timeout], Awaitable[T]],
    options: Mapping[str, str] | None = None,
    begun: Login | None = None,
) -> tuple[Link, T]:
    """A link over a new login, or over the one that is `begun`, and what `greet` learnt over it. Raises Unreachable."""
    command = begun.command if begun is not None else ssh_command(host, timeout_seconds, options)
    link = await adopt(begun.child, kill=True) if begun is not None else await start_ssh([*command, remote_command], host)
    link.bytes_sent += len(begun.said) if begun is not None else 0
    bound = asyncio.timeout(timeout_seconds)
    try:
        async with bound, undelayed(link.pid):
            return link, await greet(link, bound)
    except (NoAgent, OSError, TimeoutError) as error:
        if isinstance(error, TimeoutError) and not bound.expired():
            raise
        noise = error.noise if isinstance(error, NoAgent) else ""
        raise await unreachable(host, link, command, noise, timeout_seconds) from None
    except BaseException:
        await link.close()
        raise


def _warm(host: Host) -> Connection | None:
    """The connection that stays open for this user and this configuration of ssh. Raises Unreachable (codes address, ssh-config)."""
    from shipway.transports.warm import connection  # few ask for it

    try:
        return connection(ssh_destination(host), os.environ.get(CONFIG_VARIABLE), os.environ[WARM_VARIABLE])
    except ValueError as error:
        raise Unreachable(host.name, "ssh-config", str(error)) from None


async def start_ssh(argv: list[str], host: Host) -> Link:
    """Start a client. Raises Unreachable (code no-ssh)."""
    try:
        return await start(argv, env=ssh_environment(), kill=True)
    except FileNotFoundError:
        raise Unreachable(host.name, "no-ssh", "there is no ssh on this machine's PATH; install the OpenSSH client") from None


async def unreachable(host: Host, link: Link, command: list[str], noise: str, timeout_seconds: float) -> Unreachable:
    """Why a client that `command` started did not bring an agent. Ends it."""
    code = await link.ended(0.5)
    await link.close()
    said = link.complaints()
    complaint = explain(code, said, noise, host.address, timeout_seconds)
    if complaint.code == "host-key-unknown":
        complaint = await _with_offered_key(complaint, command, host)
    return Unreachable(host.name, complaint.code, complaint.message, lines=said, facts=dict(complaint.facts))


async def _with_offered_key(complaint: Complaint, command: list[str], host: Host) -> Complaint:
    """Which key the host offers is told only by a verbose client: one more login that is refused like the first."""
    verbose = ["LogLevel=DEBUG1" if word == "LogLevel=INFO" else word for word in command]
    link = await start_ssh([*verbose, "true"], host)
    await link.ended(10.0)
    await link.close()
    key = offered_key(link.complaints(1000))
    if key is None:
        return complaint
    return Complaint(complaint.code, f"{complaint.message} (it offers {key})", {**complaint.facts, "offered": key})
