"""A link to a bare python3 in, a link to our agent out: brought where it lacks, checked before it runs, one round trip where it is there.

The only words of ours on a host's command line are STAGE, a constant: it reads a program from stdin, and that one reads what it is asked.
So no argument of ours ever meets a shell. The first program, enter.py, only starts the agent that is there; where none is, or not as it
should be, arrive.py follows, which brings it.
"""

from __future__ import annotations

import asyncio
import re

from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway.model.whereabouts import found_at
from shipway.transports.greeting import greeting, packed, words_of
from shipway.transports.known import agent_hash
from shipway.transports.link import Link
from shipway.transports.passing import EACH, Passing, Source
from shipway_agent.arrive import FROM, MARK
from shipway_agent.protocol import START
from shipway_agent.text import clean


class NoAgent(Exception):
    """The child ended, or said something else, before our agent spoke. `noise` is what came instead."""

    def __init__(self, noise: str) -> None:
        super().__init__(noise)
        self.noise = noise


async def arrive(
    link: Link,
    host: Host,
    *,
    root: str,
    proxy: str,
    passing: Passing | None = None,
    leave: asyncio.Event | None = None,
    bound: asyncio.Timeout | None = None,
    greeted: bool = False,
) -> None:
    """Bring and start the agent; with `passing`, another host of the fleet may bring it. `greeted` when its greeting is under way already.

    With `leave`, a host that lacks it is left as it is until that is set, and the `bound` of the login stands still meanwhile.

    Raises NoAgent, OSError, or Unreachable where the host itself says no (codes root, no-python, cut).
    """
    if not greeted:
        link.post(greeting(host, root, proxy))
    if await _entered(link, host) != b"HAVE":
        if leave is not None:
            await _unhurried(leave, bound)
        link.post(packed("arrive.py") + words_of(root, proxy, host) + b"\n")
        await _skip_noise(link)
        word = await _line(link)
        if word.startswith(b"LACK "):
            await _bring(link, host, word, passing)
        elif word != b"HAVE":
            raise _no(host, word)
    said = await _line(link)
    if said != START + agent_hash().encode():
        raise _no(host, said)


async def is_there(link: Link, host: Host, *, root: str, proxy: str) -> bool:
    """Whether a login over this link finds the agent and could start it; nothing is started. Raises NoAgent, OSError, Unreachable."""
    link.post(greeting(host, root, proxy, "look"))
    return await _entered(link, host) == b"HAVE"


async def _unhurried(leave: asyncio.Event, bound: asyncio.Timeout | None) -> None:
    loop = asyncio.get_running_loop()
    until = bound.when() if bound is not None else None
    if bound is None or until is None:
        await leave.wait()
        return
    left = until - loop.time()
    bound.reschedule(None)
    await leave.wait()
    bound.reschedule(loop.time() + left)


async def _bring(link: Link, host: Host, lack: bytes, passing: Passing | None) -> None:
    """Bring the agent to a host that has said what it lacks."""
    if passing is None:
        return await _send(link, _packing(host, lack))
    with passing.turn() as turn:
        source, packing = await turn.source(), _packing(host, lack)
        if source is not None:
            link.post(" ".join((FROM, str(source.port), passing.token, *source.addresses)).encode() + b"\n")
            word = await _line(link)
            if word == b"HAVE":
                return
            packing = _packing(host, word)
        if not turn.first:
            return await _send(link, packing)
        await _send(link, packing, f" {passing.token} {EACH - 1}")
        found = re.fullmatch(rb"GIVES ([0-9]{1,5})", said := await _line(link))
        if found is None:
            raise _no(host, said)
        if found[1] != b"0":
            seen = lack.decode("utf-8", "replace").split(" ")[2]
            turn.gives(Source(tuple(dict.fromkeys(name for name in (seen, found_at(host)) if name)), int(found[1])))


async def _send(link: Link, packing: str, give: str = "") -> None:
    from shipway.transports.bundle import bundle

    packed = await asyncio.to_thread(lambda: bundle().packed(packing))
    await link.send(f"{len(packed)}{give}\n".encode() + packed)


def _packing(host: Host, lack: bytes) -> str:
    """How an agent may be packed for a host that said this. Raises Unreachable."""
    from shipway.transports.bundle import PACKINGS  # few hosts lack it

    words = lack.decode("utf-8", "replace").split(" ")
    if len(words) != 3 or words[0] != "LACK" or words[1] not in PACKINGS:
        raise _no(host, lack)
    return words[1]


async def _entered(link: Link, host: Host) -> bytes:
    """What enter.py found. Raises NoAgent, OSError, Unreachable."""
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
