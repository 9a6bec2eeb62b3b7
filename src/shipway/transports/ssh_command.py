"""A host's address in, the command line of the user's own OpenSSH client out, and the environment it runs in."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway_agent.record import replace

CONFIG_VARIABLE = "SHIPWAY_SSH_CONFIG"

WARM_VARIABLE = "SHIPWAY_WARM_SECONDS"
"""For how many seconds an unused connection stays open for the next command; 0 ends those that are."""

ALWAYS: Mapping[str, str] = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "ControlMaster": "no",
    "ControlPath": "none",
    "ClearAllForwardings": "yes",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "UpdateHostKeys": "no",
    "VisualHostKey": "no",
    "LogLevel": "INFO",
}
"""Options of ours, which win over the user's: never ask, never trust silently, notice a dead link in 15 s, one connection of its own."""

_ADDRESS = re.compile(
    r"(?P<scheme>ssh://)?"
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._+-]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?\]|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*|[A-Za-z0-9_][A-Za-z0-9._-]*)"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)


def ssh_command(host: Host, timeout_seconds: float, more: Mapping[str, str] | None = None) -> list[str]:
    """The client's argv up to the command that it is to run; `more` options take the place of ours.

    Raises Unreachable (code address) for what is no address.
    """
    config = os.environ.get(CONFIG_VARIABLE)
    options = {**ALWAYS, "ConnectTimeout": str(max(1, int(timeout_seconds * 3 / 4))), **(more or {})}
    return [
        "ssh",
        "-T",
        *(["-F", config] if config else []),
        *(word for name, value in options.items() for word in ("-o", f"{name}={value}")),
        "--",
        ssh_destination(host),
    ]


def ssh_destination(host: Host) -> str:
    """The address as ssh takes it: `user@host`, or a URI where a port is given. Raises Unreachable (code address)."""
    found = _parts(host)
    user = f"{found['user']}@" if found["user"] else ""
    if found["port"] or found["scheme"]:
        return f"ssh://{user}{found['host']}{':' + found['port'] if found['port'] else ''}"
    return user + found["host"].strip("[]")


def user_in(host: Host) -> str:
    """The user that the address itself names, "" where it leaves that to ssh_config. Raises Unreachable (code address)."""
    return _parts(host)["user"] or ""


def as_user(host: Host, user: str) -> Host:
    """The same host, logged in to as another user. Raises Unreachable (code address)."""
    found = _parts(host)
    port = f":{found['port']}" if found["port"] else ""
    return replace(host, address=f"{'ssh://' if found['scheme'] else ''}{user}@{found['host']}{port}")


def _parts(host: Host) -> re.Match[str]:
    found = _ADDRESS.fullmatch(host.address)
    if found is None:
        message = f"{host.address!r} is no address: user@host, user@host:port, or a name from ssh_config (letters, digits, dots, - and _)"
        raise Unreachable(host.name, "address", message)
    return found


def ssh_environment() -> dict[str, str]:
    """English messages of the C library, for complaints.py reads them; and no pop-up that asks somebody who is not there."""
    return {**os.environ, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}
