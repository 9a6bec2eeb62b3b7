"""A tree in, a directory that holds exactly it out: a clean checkout, outside of the operator's own, for a build or a check."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shipway.release.blobs import BlobSource
from shipway.release.source import refused
from shipway_agent.inherited import FIXED_TIME


@contextmanager
def working_directory(cache: Path) -> Iterator[Path]:
    """A new directory in `cache` that is gone afterwards; those of drivers that were killed are swept first. Raises Refused."""
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(cache)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=cache))
        lock = (new / "lock").open("w")
    except OSError as error:
        hint = "Set XDG_CACHE_HOME to a directory that you may write."
        raise refused("cache", f"{error.filename or cache}: {error.strerror}", hint) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Only now may another driver look whether somebody works here.
        made = new.rename(cache / new.name.replace(".new-", ".work-"))
        try:
            yield made
        finally:
            _remove(made)


def check_out(blobs: BlobSource, directory: Path) -> None:
    """Write the files and links of a release below `directory`, which is empty. Nothing is written through a link."""
    entries = blobs.release.entries
    for parent in sorted({(directory / entry.path).parent for entry in entries}):
        parent.mkdir(parents=True, exist_ok=True)
    files = [entry for entry in entries if entry.kind in ("file", "executable")]
    for entry, content in zip(files, blobs.read(entry.digest for entry in files), strict=True):
        path = directory / entry.path
        with path.open("xb") as file:
            file.write(content)
        path.chmod(0o755 if entry.kind == "executable" else 0o644)
        os.utime(path, (FIXED_TIME, FIXED_TIME))
    for entry in entries:
        if entry.kind == "link":
            (directory / entry.path).symlink_to(entry.target)


def _sweep(cache: Path) -> None:
    for left in cache.glob(".work-*"):
        try:
            with (left / "lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(left)
        except OSError:
            pass  # somebody works there, or another driver is sweeping it


def _remove(directory: Path) -> None:
    """Builds may leave directories that forbid writing; the lock goes last, so that what cannot be removed now is swept later."""
    for path, directories, _ in os.walk(directory):
        for name in directories:
            below = Path(path, name)
            if not below.is_symlink():
                below.chmod(0o700)
    for below in directory.iterdir():
        if below.name != "lock":
            shutil.rmtree(below, ignore_errors=True) if below.is_dir() and not below.is_symlink() else below.unlink(missing_ok=True)
    shutil.rmtree(directory, ignore_errors=True)
