"""A name in, control groups out: whose processes are counted together, their CPU seconds and their memory."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

KINDS = ("cpuacct", "memory")
BASE = Path("/sys/fs/cgroup")
PREFIX = "shipway-bench-"


def why_not() -> str | None:
    """Why processes cannot be counted here; None where they can."""
    missing = [kind for kind in KINDS if not (BASE / kind / "cgroup.procs").exists()]
    return f"no control groups of version 1 for {' and '.join(missing)} below {BASE}" if missing else None


class Group:
    """`name` may be PARENT/CHILD: the parent's CPU includes its children's, its memory does not."""

    def __init__(self, name: str, session: str = str(os.getpid())) -> None:
        self._places = {kind: _own(kind) / f"{PREFIX}{session}" / name for kind in KINDS}

    def make(self) -> None:
        for place in self._places.values():
            place.mkdir(parents=True, exist_ok=True)

    def remove(self) -> None:
        """Its processes are killed and proved gone; then the group goes."""
        self.end()
        for place in self._places.values():
            if place.exists():
                place.rmdir()
                if place.parent.name.startswith(PREFIX) and not any(entry.is_dir() for entry in place.parent.iterdir()):
                    place.parent.rmdir()

    @property
    def doors(self) -> tuple[Path, ...]:
        """The files that a process writes its pid to, to be counted here with all it starts from then on."""
        return tuple(place / "cgroup.procs" for place in self._places.values())

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What this process starts meanwhile is counted here."""
        for door in self.doors:
            door.write_text(str(os.getpid()))
        try:
            yield
        finally:
            for kind in KINDS:
                (_OWN[kind] / "cgroup.procs").write_text(str(os.getpid()))

    def take(self, pids: Iterable[int]) -> None:
        """These processes are counted here from now on; those that have ended are left out."""
        for pid in pids:
            for door in self.doors:
                try:
                    door.write_text(str(pid))
                except ProcessLookupError:
                    pass

    def pids(self) -> list[int]:
        return [int(word) for word in self.doors[0].read_text().split()] if self.doors[0].exists() else []

    def end(self) -> None:
        """Every process in it is killed, and proved gone within 20 s. Raises RuntimeError where one stays."""
        deadline = time.monotonic() + 20
        while pids := self.pids():
            if time.monotonic() > deadline:
                raise RuntimeError(f"processes {pids} do not end")
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)

    @property
    def cpu_seconds(self) -> float:
        """User and system, of every process that was ever in it, and of its children's groups."""
        return int((self._places["cpuacct"] / "cpuacct.usage").read_text()) / 1e9

    @property
    def memory_bytes(self) -> int:
        """What its processes hold now that is no file's content, each page once. Children's groups aside."""
        return _resident((self._places["memory"] / "memory.stat").read_text())


def sweep() -> None:
    """Processes and groups of sessions that were killed are gone. Raises RuntimeError where a process stays."""
    left = {place.name.removeprefix(PREFIX) for kind in KINDS for place in _own(kind).glob(f"{PREFIX}*")}
    for session in (word for word in left if not Path("/proc", word).exists()):
        for name in ("operator/ssh", "operator", "hosts/first", "hosts", "origin"):
            Group(name, session).remove()


def _resident(stat: str) -> int:
    return next(int(line.split()[1]) for line in stat.splitlines() if line.startswith("rss "))


def _own(kind: str) -> Path:
    """Where this process was when the module was loaded: ours are made below it, so that its limits hold for them too."""
    return _OWN[kind]


def _read_own() -> dict[str, Path]:
    found = {kind: BASE / kind for kind in KINDS}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, kinds, path = line.split(":", 2)
        for kind in kinds.split(","):
            if kind in found:
                found[kind] = BASE / kind / path.lstrip("/")
    return found


_OWN = _read_own()
