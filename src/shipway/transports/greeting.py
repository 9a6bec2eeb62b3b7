"""A host in; out, our first words to the python3 of its login: a program of the agent, and what that one is told.

They need no event loop and no answer, so they are said as soon as a login is begun (early.py).
"""

from __future__ import annotations

import re
import zlib
from functools import cache
from pathlib import Path

import shipway_agent
from shipway.model.errors import Unreachable
from shipway.model.intent import Host
from shipway.transports.code_only import code_only
from shipway.transports.known import agent_hash

DEFAULT_PROXY = "~/.shipway/proxy"


def root_of(host: Host, app: str, environment: str) -> str:
    """The directory that holds everything of the application there."""
    return host.root or f"~/.shipway/apps/{app}-{environment}"


def greeting(host: Host, root: str, proxy: str, do: str = "serve") -> bytes:
    """What starts the agent that lies there, and makes nothing (enter.py); with `do` "look" it is only found. Raises Unreachable (root)."""
    return packed("enter.py", "become" if do == "look" else "") + words_of(root, proxy, host) + b"\0" + do.encode() + b"\n"


def words_of(root: str, proxy: str, host: Host) -> bytes:
    """What both programs, enter.py and arrive.py, are told. Raises Unreachable (root)."""
    words = "\0".join((agent_hash(), root, proxy, host.name))
    if words.count("\0") != 3 or "\n" in words:
        raise Unreachable(host.name, "root", f"{root!r} is no path that can be used")
    return words.encode("utf-8", "surrogateescape")


@cache
def packed(name: str, without: str = "") -> bytes:
    """A program of the agent as STAGE reads it: without lines that say nothing, for no traceback of it is shown to anybody, and without
    the function of that name, which it will not come to.
    """
    text = code_only(Path(shipway_agent.__file__).with_name(name).read_text(encoding="utf-8"))
    if without:
        text = re.sub(rf"^def {without}\(.*?^(?=\S)", "", text, flags=re.MULTILINE | re.DOTALL)
    program = zlib.compress(re.sub(r"\n+", "\n", re.sub('^ *""$', "", text, flags=re.MULTILINE)).encode(), 9)
    return b"%d\n%s" % (len(program), program)
