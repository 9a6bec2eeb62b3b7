"""Addresses in, a process that sends load out, and its Outcome when it is stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from load.kinds import KINDS
from load.outcome import Outcome, fold, read

PROJECT = Path(__file__).resolve().parents[1]
FINISH_SECONDS = 60.0
"""Requests in flight are finished when the load is stopped; each is bounded, so all are."""


class Load:
    """Clients that do not retry, in a process of their own.

    `kinds` are names of KINDS and MORE; all but the quick two need the pages of demo/shop. `page` is what the quick kinds ask for.
    With `authority`, a file of certificates, they ask over TLS for the name `host`.
    `scale` is times as many clients, `pauses` times as long between the requests of each.
    A program that dies takes its load with it.
    """

    def __init__(
        self,
        *addresses: str,
        kinds: Sequence[str] = tuple(KINDS),
        page: str = "/",
        host: str | None = None,
        authority: str | None = None,
        scale: float = 1.0,
        pauses: float = 1.0,
        version_header: str = "X-Version",
        version_pattern: str | None = None,
    ) -> None:
        self._command = [sys.executable, "-m", "load", *addresses, "--kinds", ",".join(kinds), "--page", page]
        self._command += ["--scale", str(scale), "--pauses", str(pauses), "--version-header", version_header]
        self._command += ["--host", host] if host else []
        self._command += ["--authority", authority] if authority else []
        self._command += ["--version-pattern", version_pattern] if version_pattern else []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._progress: Mapping[str, Any] = {"sent": 0, "failed": 0, "versions": {}}
        self._begun = threading.Event()

    def start(self) -> None:
        """Begin, and come back when the clients run. Raises RuntimeError when they do not."""
        self._folder = tempfile.TemporaryDirectory(prefix="load-")
        samples = str(self._samples)
        self._process = subprocess.Popen(
            [*self._command, "--samples", samples], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._begun.wait(30) or self._process.poll() is not None:
            self._end()
            raise RuntimeError("the load did not begin")

    def progress(self) -> Mapping[str, Any]:
        """How far it is, at most half a second old: {"sent", "failed", "versions": {version: answers}}."""
        return self._progress

    def stop(self) -> Outcome:
        """Begin no more requests, finish those in flight, and add up. Raises RuntimeError when the process of the load itself broke."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.close()
        try:
            code = self._process.wait(FINISH_SECONDS)
            samples = read(self._samples)
        finally:
            self._end()
        if code != 0:
            raise RuntimeError(f"the process of the load ended with {code}")
        return fold(samples)

    def __enter__(self) -> Load:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def _samples(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name) / "samples"

    def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            self._progress = json.loads(line)
            self._begun.set()
        self._begun.set()

    def _end(self) -> None:
        """Whatever is left of the process and its files goes; does nothing the second time."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if self._reader is not None:
                self._reader.join()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
