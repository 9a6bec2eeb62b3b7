"""Words of the command line in, a process that runs them out: forked from one that has imported it all, half of what a run costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait as await_any
from pathlib import Path

FORKSERVER = get_context("forkserver")
FORKSERVER.set_forkserver_preload(["tests.faults.driver"])


_READING = threading.Lock()
"""Starting a process reads the exit codes of all others; read by two threads at once, one of them would be lost."""


class Forked:
    """`shipway WORDS` in a session of its own, with nothing on its stdin; what it says goes to the files `out` and `err`."""

    def __init__(self, words: Sequence[str], directory: Path, environment: Mapping[str, str], out: Path, err: Path) -> None:
        self.words = tuple(words)
        out.touch()
        err.touch()
        told = (self.words, str(directory), dict(environment), str(out), str(err))
        self._process = FORKSERVER.Process(target=_become, args=told, daemon=True)
        with _READING:
            self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        with _READING:
            return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """The exit code once it has ended. Raises subprocess.TimeoutExpired."""
        await_any([self._process.sentinel], seconds)
        code = self.returncode
        if code is None:
            raise subprocess.TimeoutExpired(self.words, seconds or 0.0)
        return code

    def end(self) -> None:
        """Kill it unless it has ended."""
        with _READING:
            self._process.kill()
        self.wait()


def _become(words: Sequence[str], directory: str, environment: Mapping[str, str], out: str, err: str) -> None:
    from tests.faults import driver

    os.setsid()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0, "r"), os.fdopen(1, "w"), os.fdopen(2, "w")
    sys.argv = ["shipway", *words]
    driver.main()
