"""The agent's source in, the one file that travels to a host out: a zipapp whose bytes depend on the source alone."""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
import zlib
from pathlib import Path

import shipway_agent
from shipway_agent.record import dataclass

ENTRY = b"""import sys

from shipway_agent import compiled

compiled.use(sys.path[0]) or (compiled.keep(sys.path[0]) and compiled.use(sys.path[0]))

from shipway_agent.__main__ import main

sys.exit(main(sys.argv[1:]))
"""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can hold; the same for every file, so that the clock is not part of the bytes."""


@dataclass(frozen=True)
class Bundle:
    """The agent: `data` is a zipapp for python3, `hash` its BLAKE2b in 64 hex digits, which is its name on hosts."""

    hash: str
    data: bytes

    @functools.cached_property
    def packed(self) -> bytes:
        """It as it travels: packed as one, which is a third shorter than file by file, and only where a host lacks it."""
        return zlib.compress(self.data, 9)


@functools.cache
def bundle() -> Bundle:
    """The agent of this installation. Made once in a process."""
    return pack(Path(shipway_agent.__file__).parent)


def pack(source: Path) -> Bundle:
    """The zipapp of the package in the directory `source`: its `.py` files, sorted, as they are, with fixed times and modes.

    Not deflated: that took every command 50 ms, and its bytes, which name the agent, are another library's to choose.
    """
    files = {f"shipway_agent/{path.relative_to(source).as_posix()}": path.read_bytes() for path in source.rglob("*.py")}
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
