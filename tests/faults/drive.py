"""Words of the command line in, the running program out: what it says, the moments it comes to, the signals it gets, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults import moments
from tests.faults.forked import Forked
from tests.faults.moments import Fault, Moment, strike

if TYPE_CHECKING:
    from tests.faults.ground import Ground

LIMIT_SECONDS = 120.0


class Drive:
    """One run of `shipway WORDS --json` in a session of its own. Everything it says goes to files in `directory`."""

    def __init__(self, words: Sequence[str], fault: Fault | None, directory: Path, process: Forked) -> None:
        self.words = tuple(words)
        self.fault = fault
        self.directory = directory
        self.process = process
        self.began_at = time.time()
        self.ended_at: float | None = None

    @classmethod
    def begin(cls, ground: Ground, words: Sequence[str], fault: Fault | None, directory: Path) -> Drive:
        """Start it in the ground's project."""
        directory.mkdir(parents=True)
        told = moments.to_text(directory / "moments", fault)
        environment = {**os.environ, **ground.hosts.env, moments.VARIABLE: told}
        process = Forked((*words, "--json"), ground.project.directory, environment, directory / "out", directory / "err")
        return cls(words, fault, directory, process)

    def ended(self, seconds: float = LIMIT_SECONDS) -> int:
        """Wait for its end: the exit code, or minus the signal that ended it. Raises AssertionError when it does not end: it hangs."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.end()
            raise AssertionError(f"{self.name} did not end within {seconds:g} s:\n{self.text}") from None
        self.ended_at = self.ended_at or time.time()
        return code

    def end(self) -> None:
        """Kill what is left of it, its ssh processes too."""
        if self.process.returncode is None:
            self.send(signal.SIGKILL, with_ssh=True)
        self.process.wait()

    def send(self, number: int, *, with_ssh: bool = False) -> None:
        """A signal to it, or to its ssh processes too."""
        strike(self.process.pid, number, with_ssh=with_ssh)

    def comes_to(self, moment: str, seconds: float = LIMIT_SECONDS, *, certain: bool = True) -> Moment | None:
        """Wait until that moment has come. Where the program ends without it: an AssertionError, or None if that was not `certain`."""
        deadline = time.monotonic() + seconds
        while True:
            over = self.process.returncode is not None
            for came in self.moments:
                if came.name == moment:
                    return came
            if over and not certain:
                return None
            assert not over and time.monotonic() < deadline, f"{self.name} never came to {moment!r}:\n{self.text}"
            time.sleep(0.01)

    @property
    def name(self) -> str:
        return f"shipway {' '.join(self.words)}"

    @property
    def code(self) -> int | None:
        return self.process.returncode

    @property
    def moments(self) -> list[Moment]:
        """Those that have come, in order."""
        return moments.read(self.directory / "moments")

    @property
    def struck_at(self) -> float | None:
        """When its fault happened; None where it has not, or there is none."""
        if self.fault is None:
            return None
        return next((came.at for came in self.moments if came.name == self.fault.moment), None)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it told so far; a last line that was torn off is left out."""
        lines = (self.directory / "out").read_bytes().split(b"\n")
        return [json.loads(line) for line in lines[:-1] if line.startswith(b"{")]

    @property
    def verdict(self) -> dict[str, Any]:
        """The last line, where it ended by itself."""
        return self.events[-1]

    @property
    def deployment(self) -> str:
        """The id of the attempt as far as it told one, "" before it had leases."""
        named = [str(event.get("deployment", "")) for event in self.events]
        return next((name for name in reversed(named) if name[:1].isdigit()), "")

    @property
    def text(self) -> str:
        out, err = ((self.directory / name).read_text(errors="replace") for name in ("out", "err"))
        return f"$ {self.name}  → {self.process.returncode}\n{out}{err}"
