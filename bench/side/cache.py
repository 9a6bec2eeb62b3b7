"""Nothing in; out, the place of what is made once and kept between runs: compiled programs, the recipe's repository, the peers."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent


def place() -> Path:
    """$XDG_CACHE_HOME/shipway-bench, else ~/.cache/shipway-bench."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    found = (Path(base) if base.startswith("/") else Path.home() / ".cache") / "shipway-bench"
    found.mkdir(mode=0o755, parents=True, exist_ok=True)
    return found


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One session at a time makes the thing of this name."""
    with (place() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def compiled(name: str) -> Path:
    """The program made of `name`.c beside this file. Raises CalledProcessError where the compiler refuses."""
    source = HERE / f"{name}.c"
    made = place() / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
    with locked(name):
        if not made.exists():
            new = made.with_suffix(".new")
            subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-o", str(new), str(source)], check=True)
            new.rename(made)
    return made
