"""The agent's files in, its name out: read back from the last command as long as none of them has changed, so few commands pack them.

Who asks a host for its agent needs only the name. To make it, 200 files are read and packed, an eighth of what `status` costs an operator;
their bytes are wanted where a host lacks them, and are made then.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from pathlib import Path

import shipway_agent
from shipway.cache import cache_directory

FOLDER = "agent"

_PACKERS = ("bundle.py", "code_only.py")
"""What the bytes follow from, beside the files themselves."""


@cache
def agent_hash() -> str:
    """That of bundle(). A file that was changed has another time of change, which nobody can set, so an old name is not taken for new."""
    source = Path(shipway_agent.__file__).parent
    try:
        place = cache_directory() / FOLDER / blake2b(os.fsencode(source), digest_size=10).hexdigest()
    except RuntimeError:
        return _made()  # nobody has said where this user is at home
    state = _state(source)
    try:
        known, _, name = place.read_text("ascii").partition(" ")
    except (OSError, ValueError):
        known, name = "", ""
    if known == state and len(name) == 64:
        return name
    made = _made()
    if _state(source) == state:  # else somebody writes in it right now
        _keep(place, f"{state} {made}")
    return made


def _made() -> str:
    from shipway.transports.bundle import bundle  # behind a change, and where a host lacks the agent

    return bundle().hash


def _state(source: Path) -> str:
    """Changes with every change of a file, and with whatever packs them."""
    packers = [Path(__file__).with_name(name).stat() for name in _PACKERS]
    files = sorted(_files(os.fspath(source)), key=lambda one: one.path)
    rows = [(f.path, *_times(f.stat(follow_symlinks=True))) for f in files] + [("", *_times(one)) for one in packers]
    return blake2b(repr((sys.version, rows)).encode("utf-8", "surrogateescape"), digest_size=20).hexdigest()


def _times(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _files(directory: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(directory) as found:
        for entry in found:
            if entry.name.endswith(".py"):
                yield entry
            elif entry.name != "__pycache__" and entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)


def _keep(place: Path, text: str) -> None:
    with contextlib.suppress(OSError):  # a full disk here is no reason to do nothing
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, aside = tempfile.mkstemp(dir=place.parent)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
            Path(aside).replace(place)
        except BaseException:
            Path(aside).unlink()
            raise
