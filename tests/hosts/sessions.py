"""A pid in, the words of its program out; of a session too, which came in over a login's stdin and shows by an open file what it runs."""

from __future__ import annotations

import os
from pathlib import Path

ENTERED = b"exec(zlib.decompress("
"""In the command line of every login of ours."""


def words_of(pid: int) -> list[bytes]:
    """Its command line; of a session that runs in the process of its login what it would be if it had been started by itself:
    python3, the agent's file, serve, --root and the root. Raises OSError when it has ended.
    """
    words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    agent = _agent(pid) if words[-1:] and ENTERED in words[-1] else b""
    return [b"python3", agent, b"serve", b"--root", os.path.dirname(os.path.dirname(agent))] if agent else words


def _agent(pid: int) -> bytes:
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        try:
            target = os.readlink(os.fsencode(f"{folder}/{name}"))
        except FileNotFoundError:
            continue  # closed meanwhile
        if target.endswith(b".pyz"):
            return target
    return b""
