"""A host and a user who may become root there in, a channel to an agent that is root out; and python3, where a bare machine lacks it.

Only `setup` uses it. The same ssh, the same verified host keys, the same constant on the command line: with `sudo -n` in front of it for
a user who is not root.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
from pathlib import Path

from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway.transports.base import Channel, End, open_and_ask
from shipway.transports.bounds import LOGIN_SECONDS
from shipway.transports.link import Link
from shipway.transports.programs import said
from shipway.transports.public_keys import parse
from shipway.transports.ssh import open_agent, start_ssh, unreachable
from shipway.transports.ssh_command import CONFIG_VARIABLE, as_user, ssh_command, ssh_destination, user_in
from shipway.transports.stage import REMOTE_COMMAND
from shipway_agent.text import last_lines

ROOT = "root"

PLACE = "/var/lib/shipway/setup"
"""Where the agent and its record of what it made lie on a machine: nobody else's to write to."""

INSTALL_SECONDS = 600.0
"""Bound of installing python3: a new machine may be at its own first updates, which hold the lock of apt."""

ARRIVED = "SHIPWAY-PYTHON 1"

INSTALL = f"""\
{{
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH DEBIAN_FRONTEND=noninteractive LC_ALL=C
if command -v apt-get >/dev/null; then
    apt() {{ apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"; }}
    apt install --no-install-recommends python3 || {{ apt update && apt install --no-install-recommends python3; }}
elif command -v dnf >/dev/null; then
    dnf -q -y install python3
elif command -v apk >/dev/null; then
    apk add --no-progress python3
else
    echo "there is neither apt-get nor dnf nor apk here"
    exit 1
fi && python3 -I -S -c 'import sqlite3' && echo {ARRIVED}
}} 2>&1 </dev/null
"""
"""The whole script, a constant that a shell there reads from its stdin: nothing that anybody typed is put into it."""


class SuperuserTransport:
    """Opens channels as `login` (a user), which is root or becomes it by `sudo -n`."""

    def __init__(self, login: str) -> None:
        self.login = login

    async def open(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> Channel:
        """A new login. Raises Unreachable: as SshTransport does, and sudo."""
        there = as_user(host, self.login)
        return await open_agent(there, self._root(REMOTE_COMMAND), root=PLACE, proxy=f"{PLACE}/proxy", timeout_seconds=timeout_seconds)

    async def log_in(self, host: Host, *, app: str, environment: str, timeout_seconds: float = 20.0) -> End:
        """A new login with an answer. Raises as `open` does, and LinkLost."""
        return await open_and_ask(self, host, app=app, environment=environment, timeout_seconds=timeout_seconds)

    async def install_python(self, host: Host) -> None:
        """Have python3 there, by the package manager of the machine. Raises Unreachable (no-python) with what that said."""
        there = as_user(host, self.login)
        command = ssh_command(there, LOGIN_SECONDS)
        link = await start_ssh([*command, self._root("/bin/sh -s")], host)
        try:
            async with asyncio.timeout(INSTALL_SECONDS):
                lines = last_lines(await _run(link, INSTALL), 20)
        except TimeoutError:
            await link.close()
            raise Unreachable(host.name, "no-python", f"python3 was not installed within {INSTALL_SECONDS:g} s") from None
        if not lines:
            raise await unreachable(there, link, command, "", LOGIN_SECONDS)
        await link.close()
        if lines[-1] != ARRIVED:
            raise Unreachable(host.name, "no-python", f"python3 could not be installed: {lines[-1]}", lines=lines)

    async def accepted_key(self, host: Host) -> str | None:
        """The public key, as a line for authorized_keys, that this host lets us in with; None where that cannot be told."""
        command = ssh_command(as_user(host, self.login), LOGIN_SECONDS)
        verbose = ["LogLevel=DEBUG1" if word == "LogLevel=INFO" else word for word in command]
        link = await start_ssh([*verbose, "true"], host)
        await link.ended(LOGIN_SECONDS)
        await link.close()
        found = re.findall(r"Server accepts key: (.*) \S+ (SHA256:[A-Za-z0-9+/]+)", "\n".join(link.complaints(1000)))
        return await _public_key(*found[-1]) if found else None

    def _root(self, command: str) -> str:
        return command if self.login == ROOT else f"sudo -n {command}"


async def deploying_user(host: Host) -> str:
    """Who logs in there: the user in the address, else the one that ssh_config names, "" where neither does. Raises Unreachable."""
    named = user_in(host)
    if named:
        return named
    config = os.environ.get(CONFIG_VARIABLE)
    text = await said("ssh", *(["-F", config] if config else []), "-G", "--", ssh_destination(host))
    found = re.search(r"^user (\S+)$", text, re.MULTILINE)
    return found[1] if found else ""


def fingerprint(key: str) -> str:
    """The fingerprint of a public key's line, as ssh shows it."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


async def _run(link: Link, script: str) -> bytes:
    """What a shell behind the link says when it reads the script: the last 64 KiB of it."""
    told = b""
    try:
        await link.send(script.encode())
        link.writer.write_eof()
        while part := await link.reader.read(1 << 16):
            told = (told + part)[-(1 << 16) :]
    except OSError:
        pass  # the client has ended, and says why on its stderr
    return told


async def _public_key(path: str, wanted: str) -> str | None:
    """Looked for where it may be: beside the private key, in the agent, in ~/.ssh, and at last in the private key itself."""
    texts = [_text(Path(f"{path}.pub")), _text(Path(path)), await said("ssh-add", "-L")]
    texts += [_text(file) for file in sorted(Path("~/.ssh").expanduser().glob("*.pub"))]
    for text in texts:
        for key in parse(text)[0]:
            if fingerprint(key) == wanted:
                return key
    for key in parse(await said("ssh-keygen", "-y", "-P", "", "-f", path))[0]:
        if fingerprint(key) == wanted:
            return key
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.stat().st_size < 1 << 16 else ""
    except OSError:
        return ""
