"""A link to a bare python3 in, a link to our agent out: brought where it lacks, checked before it runs, one round trip where it is there.

The only words of ours on a host's command line are STAGE, a constant: it reads the program arrive.py from stdin, which reads one line of
JSON. So no argument of ours ever meets a shell.
"""

from __future__ import annotations

import asyncio
import json
from functools import cache
from importlib.resources import files

from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway.transports.bundle import bundle
from shipway.transports.link import Link
from shipway_agent.arrive import MARK
from shipway_agent.protocol import START
from shipway_agent.text import clean

STAGE = 'import os;n=int(b"".join(iter(lambda:os.read(0,1).strip(),b""))or 0);exec(b"".join(os.read(0,1)for _ in range(n)))'

REMOTE_COMMAND = f"python3 -I -S -c '{STAGE}'"
"""What crosses ssh, the same for every host and user: no quote, backslash or exclamation mark that any login shell could take apart."""


class NoAgent(Exception):
    """The child ended, or said something else, before our agent spoke. `noise` is what came instead."""

    def __init__(self, noise: str) -> None:
        super().__init__(noise)
        self.noise = noise


async def arrive(link: Link, host: Host, *, root: str, proxy: str) -> None:
    """Bring and start the agent. Raises NoAgent, OSError, or Unreachable where the host itself says no (codes root, no-python, cut)."""
    agent = bundle()
    ask = {"root": root, "proxy": proxy, "name": host.name, "hash": agent.hash, "size": len(agent.data)}
    link.post(b"%d\n%s%s\n" % (len(_program()), _program(), json.dumps(ask).encode()))
    await _skip_noise(link)
    word = await _line(link)
    if word == b"LACK":
        await link.send(agent.data)
    elif word != b"HAVE":
        raise _no(host, word)
    said = await _line(link)
    if said != START + agent.hash.encode():
        raise _no(host, said)


async def _skip_noise(link: Link) -> None:
    """Login messages and a chatty .bashrc come before our mark; more than 64 KiB of them is refused."""
    try:
        await link.reader.readuntil(b"\n%s\n" % MARK.encode())
    except asyncio.LimitOverrunError:
        raise NoAgent("more than 64 KiB of other output") from None
    except asyncio.IncompleteReadError as error:
        raise NoAgent(_shown(error.partial)) from None


async def _line(link: Link) -> bytes:
    try:
        return (await link.reader.readuntil(b"\n")).rstrip(b"\r\n")
    except asyncio.LimitOverrunError:
        raise NoAgent("a line of more than 64 KiB") from None
    except asyncio.IncompleteReadError as error:
        raise NoAgent(_shown(error.partial)) from None


def _no(host: Host, line: bytes) -> Unreachable:
    words = clean(line.decode("utf-8", "replace")).split(" ", 2)
    if len(words) == 3 and words[0] == "NO":
        return Unreachable(host.name, words[1], words[2])
    return Unreachable(host.name, "protocol", f"the host answered {_shown(line)!r} where our agent should have spoken")


def _shown(noise: bytes) -> str:
    return " ".join(clean(noise[-600:].decode("utf-8", "replace")).split())


@cache
def _program() -> bytes:
    return files("shipway_agent").joinpath("arrive.py").read_bytes()
