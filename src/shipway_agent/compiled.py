"""The agent's one file in, its compiled modules beside it out. Python keeps no bytecode of what it imports from a zip file.

Without this each start compiles everything anew, 240 ms of a small machine instead of 90. The first start pays for it: the supervisors
and logins that follow in the same deployment begin with what it made. What is kept is as good as the file it was made from: in the same
directory, which only this user can write to, and with a digest of its own in front.
"""

from __future__ import annotations

import hashlib
import io
import marshal
import os
import sys

import shipway_agent

PACKAGE = "shipway_agent"
DIGEST_BYTES = 64

UNCHECKED = (1).to_bytes(4, "little") + bytes(8)
"""The head of bytecode that is never compared with a source: there is none beside it."""


def use(agent: str) -> bool:
    """Import the modules of `agent` in compiled form from now on; False where that was not kept or is damaged."""
    path = place(agent)
    try:
        with open(path, "rb") as file:
            digest, data = file.read(DIGEST_BYTES), file.read()
    except OSError:
        return False
    if _digest(data) != digest:
        return False
    shipway_agent.__path__.insert(0, f"{path}/{PACKAGE}")
    return True


def keep(agent: str) -> bool:
    """Compile the modules of `agent` for this Python and keep them; False where that cannot be."""
    path = place(agent)
    aside = f"{path}.{os.getpid()}"
    try:
        file = open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb")
    except OSError:
        return False
    try:
        with file:
            data = compile_all(agent)
            file.write(_digest(data) + data)
        os.rename(aside, path)
    except OSError:
        os.unlink(aside)
        return False
    return True


def place(agent: str) -> str:
    """Where the compiled form of an agent's file lies, for this version of Python. A link counts as what it points at."""
    agent = os.path.realpath(agent)
    return f"{agent[: -len('.pyz')]}.{sys.implementation.cache_tag}.zip"


def compile_all(agent: str) -> bytes:
    """A zip file of the agent's modules as bytecode."""
    import zipfile  # 20 ms with what it brings; each start pays for this module, and few starts compile
    from importlib.util import MAGIC_NUMBER

    written = io.BytesIO()
    with zipfile.ZipFile(agent) as source, zipfile.ZipFile(written, "w") as target:
        for name in source.namelist():
            if name.startswith(f"{PACKAGE}/") and name.endswith(".py"):
                code = compile(source.read(name), f"{agent}/{name}", "exec", dont_inherit=True)
                target.writestr(f"{name}c", MAGIC_NUMBER + UNCHECKED + marshal.dumps(code))
    return written.getvalue()


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES // 2).hexdigest().encode()
