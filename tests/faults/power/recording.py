"""A directory and the processes that work in it in; a Platter with everything they, and whoever they start, did there, out."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.power.calls import OPTIONS, calls, is_torn
from tests.faults.power.platter import Platter, Tree

ATTACH_SECONDS = 30.0
UNSEEN = (b".log", b"-shm", b".lock")
"""What is not compared: logs of processes that ran before, SQLite's shared memory, which is mapped, and files that are only locked."""


class Recording:
    """From `begin` to `end`. `top` is how processes call the directory, `seen` where it lies for us; `place` gets the log and a copy."""

    def __init__(self, top: str, seen: Path, place: Path) -> None:
        self.seen = seen
        self._top = top
        self._log = place / "calls"
        self._copy = place / "copy"
        self._began = 0
        self._torn = False
        self._strace: subprocess.Popen[bytes] | None = None

    def begin(self, pids: Sequence[int]) -> None:
        """Attach to them, and copy the directory as it is: nothing may change it meanwhile."""
        self._log.unlink(missing_ok=True)
        attach = [part for pid in pids for part in ("-p", str(pid))]
        self._strace = subprocess.Popen(["strace", *OPTIONS, "-o", str(self._log), *attach], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + ATTACH_SECONDS
        while any("TracerPid:\t0" in Path(f"/proc/{pid}/status").read_text() for pid in pids):
            assert self._strace.poll() is None and time.monotonic() < deadline, "strace does not attach"
            time.sleep(0.02)
        for _ in range(50):
            shutil.rmtree(self._copy, ignore_errors=True)
            before = self._changes()
            copy(self.seen, self._copy)
            if self._changes() == before:
                self._began = before
                return
        raise AssertionError("the directory never rests")

    def end(self) -> Platter:
        """Let go of all that still live. Raises ValueError for calls that cannot be followed."""
        self.stop()
        platter = Platter(self._top, self._copy)
        with self._log.open(encoding="ascii", errors="strict") as lines:
            every = list(lines)
        platter.take(calls(every, self._began))
        self._torn = is_torn(every)
        return platter

    def untold(self, platter: Platter) -> list[str]:
        """Where the directory differs from what was recorded: then that is not the whole truth. Nothing where a process died in a call."""
        last = platter.moments - 1
        return [] if self._torn else unlike(platter.left(last, platter.pending(last)), self.seen)

    def give(self, owner: int) -> None:
        """The copy belongs to this user from now on, and so does all that is laid out by linking to it."""
        subprocess.run(["chown", "-R", "-h", f"{owner}:{owner}", str(self._copy)], check=True)

    def stop(self) -> None:
        """Let go; safe to call twice."""
        if self._strace is not None:
            self._strace.terminate()
            self._strace.wait()
            self._strace = None

    def _changes(self) -> int:
        """Lines so far."""
        return self._log.read_bytes().count(b"\n") if self._log.exists() else 0


def copy(source: Path, target: Path) -> None:
    """Byte for byte, links as links, files with several names as one."""
    subprocess.run(["cp", "-a", "--", str(source), str(target)], check=True)


def unlike(tree: Tree, place: Path) -> list[str]:
    """Where a directory differs from what the recording says was done to it: then the recording is not the whole truth."""
    told = tree.content()
    true: dict[bytes, object] = {}
    for folder, folders, files in os.walk(os.fsencode(place)):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            inner = path[len(os.fsencode(place)) :]
            if os.path.islink(path):
                true[inner] = os.readlink(path)
            elif os.path.isdir(path):
                true[inner] = None
            elif os.path.isfile(path):
                true[inner] = Path(os.fsdecode(path)).read_bytes()
    names = sorted({name for name in told.keys() | true.keys() if not name.endswith(UNSEEN)})
    return [os.fsdecode(name) for name in names if told.get(name, b"nothing") != true.get(name, b"nothing")]


def put_back(tree: Tree, place: Path, owner: int) -> None:
    """Make a directory what a loss has left of it. Nobody may be at work in it."""
    shutil.rmtree(place)
    place.mkdir()
    tree.lay_out(place, owner)
