"""The agent's source in, the one file that travels to a host out: a zipapp whose bytes depend on the source's code alone."""

from __future__ import annotations

import bz2
import functools
import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import shipway_agent
from shipway.transports.code_only import code_only
from shipway_agent.record import dataclass

ENTRY = b"""import sys

from shipway_agent import compiled

compiled.use(sys.path[0]) or (compiled.keep(sys.path[0]) and compiled.use(sys.path[0]))

from shipway_agent.__main__ import main

sys.exit(main(sys.argv[1:]))
"""

PACKINGS: Mapping[str, Callable[[bytes], bytes]] = {"bz2": bz2.compress, "zlib": functools.partial(zlib.compress, level=9)}
"""How an agent may be packed, by the name of the module that unpacks it. Of so much text bz2 makes a quarter less than zlib, a tenth
less than lzma; some builds of Python lack it, and none can lack zlib.
"""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can hold; the same for every file, so that the clock is not part of the bytes."""


@dataclass(frozen=True)
class Bundle:
    """The agent: `data` is a zipapp for python3, `hash` its BLAKE2b in 64 hex digits, which is its name on hosts."""

    hash: str
    data: bytes

    def packed(self, how: str) -> bytes:
        """It as it travels, and only where a host lacks it: `how` is one of PACKINGS. As one, it is a third shorter than file by file."""
        return _packed(self.data, how)


@functools.cache
def _packed(data: bytes, how: str) -> bytes:
    return PACKINGS[how](data)


@functools.cache
def bundle() -> Bundle:
    """The agent of this installation. Made once in a process."""
    return pack(Path(shipway_agent.__file__).parent)


def pack(source: Path) -> Bundle:
    """The zipapp of the package in the directory `source`: the code of its `.py` files, sorted, with fixed times and modes.

    Not deflated: that took every command 50 ms, and its bytes, which name the agent, are another library's to choose.
    """
    files = {
        f"shipway_agent/{path.relative_to(source).as_posix()}": code_only(path.read_text(encoding="utf-8")).encode()
        for path in source.rglob("*.py")
    }
    files["__main__.py"] = ENTRY
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, EPOCH)
            member.create_system = 3  # UNIX, whatever system makes it
            member.external_attr = 0o644 << 16
            archive.writestr(member, files[name])
    data = written.getvalue()
    return Bundle(hashlib.blake2b(data, digest_size=32).hexdigest(), data)
