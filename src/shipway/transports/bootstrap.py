"""A link to a bare python3 in, a link to our agent out: brought where it lacks, checked before it runs, one round trip where it is there.

The only words of ours on a host's command line are STAGE, a constant: it reads a program from stdin, and that one reads what it is asked.
So no argument of ours ever meets a shell. The first program, enter.py, only starts the agent that is there; where none is, or not as it
should be, arrive.py follows, which brings it.
"""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from functools import cache
from importlib.resources import files

from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway.transports.bundle import PACKINGS, bundle
from shipway.transports.code_only import code_only
from shipway.transports.link import Link
from shipway_agent.arrive import MARK
from shipway_agent.protocol import START
from shipway_agent.text import clean

STAGE = (
    'import os,zlib;n=int(b"".join(iter(lambda:os.read(0,1).strip(),b""))or 0);'
    'n and exec(zlib.decompress(b"".join(os.read(0,1)for _ in range(n))))'
)
"""Reads the length of a program, a newline, and the program, deflated; runs it."""

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
    if await _enter(link, host, root, proxy, "serve") != b"HAVE":
        ask = {"root": root, "proxy": proxy, "name": host.name, "hash": agent.hash}
        link.post(_packed("arrive.py") + json.dumps(ask).encode() + b"\n")
        await _skip_noise(link)
        word, _, packing = (await _line(link)).decode("utf-8", "replace").partition(" ")
        if word == "LACK" and packing in PACKINGS:
            packed = agent.packed(packing)
            await link.send(b"%d\n%s" % (len(packed), packed))
        elif word != "HAVE":
            raise _no(host, f"{word} {packing}".encode())
    said = await _line(link)
    if said != START + agent.hash.encode():
        raise _no(host, said)


async def is_there(link: Link, host: Host, *, root: str, proxy: str) -> bool:
    """Whether a login over this link finds the agent and could start it; nothing is started. Raises NoAgent, OSError, Unreachable."""
    return await _enter(link, host, root, proxy, "look") == b"HAVE"


async def _enter(link: Link, host: Host, root: str, proxy: str, do: str) -> bytes:
    words = "\0".join((bundle().hash, root, proxy, host.name, do))
    if words.count("\0") != 4 or "\n" in words:
        raise Unreachable(host.name, "root", f"{root!r} is no path that can be used")
    link.post(_packed("enter.py") + words.encode("utf-8", "surrogateescape") + b"\n")
    await _skip_noise(link)
    word = await _line(link)
    if word not in (b"HAVE", b"LACK"):
        raise _no(host, word)
    return word


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
def _packed(name: str) -> bytes:
    """A program of the agent as STAGE reads it: without lines that say nothing, for no traceback of it is shown to anybody."""
    text = code_only(files("shipway_agent").joinpath(name).read_text(encoding="utf-8"))
    program = zlib.compress(re.sub(r"\n+", "\n", re.sub('^ *""$', "", text, flags=re.MULTILINE)).encode(), 9)
    return b"%d\n%s" % (len(program), program)
