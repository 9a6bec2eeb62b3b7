"""Hosts in, ssh clients out that log in to them already while Python still reads this program; who opens a channel takes over its host's.

A login waits for a dozen round trips, and a start is a tenth of a second of one core: one behind the other they are what a short command
takes. What is said over such a login before it is taken over is what starts the agent that lies there, and makes nothing; the agent waits
to be asked. Only `open` takes one: the login that proves a host is always a new one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway.transports.bounds import LOGINS_AT_ONCE
from shipway.transports.child import Child
from shipway.transports.child import begin as begin_child
from shipway.transports.greeting import DEFAULT_PROXY, greeting, root_of
from shipway.transports.ssh_command import WARM_VARIABLE, ssh_command, ssh_environment
from shipway.transports.stage import REMOTE_COMMAND
from shipway.transports.undelayed import hasten
from shipway_agent.record import dataclass, replace


@dataclass(frozen=True)
class Login:
    """A client under way. `command` is its argv without what the host is to run; `said` is what the host is sent over it."""

    command: list[str]
    child: Child
    said: bytes = b""


_begun: dict[Host, Login] = {}


def begin(hosts: Iterable[Host], app: str, environment: str, timeout_seconds: float) -> None:
    """Start to log in to those that are reached over ssh. Whatever is wrong is said where the host is opened."""
    if os.environ.get(WARM_VARIABLE):
        return
    far = [host for host in sorted(hosts, key=lambda host: host.name) if host.address != "local" and host not in _begun]
    for host in far[: LOGINS_AT_ONCE - len(_begun)]:
        try:
            command = ssh_command(host, timeout_seconds)
            _begun[host] = Login(command, begin_child([*command, REMOTE_COMMAND], env=ssh_environment()))
        except (Unreachable, OSError):
            break
    threading.Thread(target=_hasten, args=(dict(_begun),), name="early logins", daemon=True).start()
    for host in filter(_begun.__contains__, far):
        with suppress(Unreachable, OSError):  # of a client that has ended already, `open` finds out why
            said = greeting(host, root_of(host, app, environment), DEFAULT_PROXY)
            _begun[host] = replace(_begun[host], said=said)
            _begun[host].child.stream.sendall(said)


def take(host: Host, greeting: bytes) -> Login | None:
    """The login to a host that is under way and has, at most, said this, once; from here on it is the caller's to end."""
    login = _begun.pop(host, None)
    if login is not None and login.said not in (b"", greeting):
        login.child.end()
        return None
    return login


def end() -> None:
    """End those that nobody has taken."""
    while _begun:
        _begun.popitem()[1].child.end()


def _hasten(logins: dict[Host, Login]) -> None:
    """Until they are taken over, when an event loop does the same."""
    looks = {host: hasten(login.child.process.pid) for host, login in logins.items()}
    while looks:
        seconds = {host: next(look, None) for host, look in looks.items() if host in _begun}
        looks = {host: look for host, look in looks.items() if seconds.get(host) is not None}
        time.sleep(max((one for one in seconds.values() if one is not None), default=0.0))
