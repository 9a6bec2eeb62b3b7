"""The agent's one file in, its compiled modules beside it out. Python keeps no bytecode of what it imports from a zip file.

Without this each start compiles everything anew, 240 ms of a small machine instead of 40. The first start pays for it: the supervisors
and logins that follow in the same deployment begin with what it made. What few hosts ever want, a third of all, lies in a file of its own,
made when the first of it is wanted. What is kept is as good as the file it was made from: in the same directory, which only this user can
write to, and with digests of its own.

A file: this Python's magic number, 4 bytes with the length of its first part, the digest of that, and that: marshalled, the code of
loading.py and the index of the modules, whose codes follow.
"""

from __future__ import annotations

import marshal
import os
import stat
import sys
from _frozen_importlib_external import MAGIC_NUMBER
from contextlib import suppress

from shipway_agent import loading
from shipway_agent.blake import blake2b
from shipway_agent.loading import MODULE_DIGEST_BYTES, PACKAGE, TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Mapping

    from shipway_agent.loading import Index

HEAD_DIGEST_BYTES = 32
HEAD_BYTES = 4 + 4 + HEAD_DIGEST_BYTES
SUFFIX = ".modules"
FEW_SUFFIX = ".few.modules"

FEW = frozenset(("arrive", "build", "data", "enter", "examine", "machine", "setup"))
"""What few hosts want, by its first name below the package: those that have data, build, or are looked into."""

FEW_PRIMITIVES = frozenset(("data", "migrations"))
"""Of the primitives."""


def use(agent: str, *, few: bool = False) -> bool:
    """Import the modules of `agent` in compiled form from now on, or the `few`; False where that was not kept or is damaged."""
    try:
        fd = os.open(place(agent, few=few), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    found = os.fstat(fd)
    head = first = b""
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o22:
        head = os.read(fd, HEAD_BYTES)
        first = os.read(fd, int.from_bytes(head[4:8], "little"))
    if head[:4] != MAGIC_NUMBER or blake2b(first, digest_size=HEAD_DIGEST_BYTES).digest() != head[8:]:
        os.close(fd)
        return False
    loading.load(agent, fd, HEAD_BYTES + len(first), marshal.loads(first)[1], more=not few)  # noqa: S302  # compared with its digest, in a folder of this user alone
    return True


def keep(agent: str, *, few: bool = False) -> bool:
    """Compile the modules of `agent` for this Python and keep them, or the `few`; False where that cannot be."""
    path = place(agent, few=few)
    aside = f"{path}.{os.getpid()}"
    with suppress(OSError):
        os.unlink(aside)  # of one that had this number before, and was killed
    try:
        file = open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb")
    except OSError:
        return False
    try:
        with file:
            file.write(compile_all(agent, few=few))
        os.rename(aside, path)
    except (OSError, ImportError, AttributeError):  # a full disk, no archive, a Python that keeps another list of it
        os.unlink(aside)
        return False
    return True


def place(agent: str, *, few: bool = False) -> str:
    """Where the compiled form of an agent's file lies, for this version of Python. A link counts as what it points at."""
    agent = os.path.realpath(agent)
    return f"{agent[: -len('.pyz')]}.{sys.implementation.cache_tag}{FEW_SUFFIX if few else SUFFIX}"


def compile_all(agent: str, *, few: bool = False) -> bytes:
    """The agent's modules as bytecode, but for the few or those alone, with their index in front."""
    import zipimport  # which is there where an agent starts from its file; `zipfile` takes 20 ms with what it brings

    agent = os.path.realpath(agent)
    source = zipimport.zipimporter(agent)
    codes = {}
    for file in zipimport._zip_directory_cache[agent]:  # type: ignore[attr-defined]  # the one list that there is of it, pkgutil reads it too
        if file.startswith(f"{PACKAGE}/") and file.endswith(".py") and _is_for_few(file) == few:
            text = source.get_data(f"{agent}/{file}")
            codes[file[: -len(".py")].replace("/", ".")] = compile(text, f"{agent}/{file}", "exec", dont_inherit=True)
    packed = {name: marshal.dumps(code) for name, code in codes.items()}
    first = marshal.dumps((codes.get(f"{PACKAGE}.loading"), _index(packed)))
    head = MAGIC_NUMBER + len(first).to_bytes(4, "little") + blake2b(first, digest_size=HEAD_DIGEST_BYTES).digest()
    return head + first + b"".join(packed.values())


def _is_for_few(file: str) -> bool:
    parts = file[: -len(".py")].split("/")
    return parts[1] in FEW or (parts[1] == "primitives" and parts[2] in FEW_PRIMITIVES)


def _index(packed: Mapping[str, bytes]) -> Index:
    found: Index = {}
    begin = 0
    for name, data in packed.items():
        is_package = name.endswith(".__init__")
        digest = blake2b(data, digest_size=MODULE_DIGEST_BYTES).digest()
        found[name[: -len(".__init__")] if is_package else name] = is_package, begin, len(data), digest
        begin += len(data)
    return found
