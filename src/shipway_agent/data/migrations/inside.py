"""A command of a release that stays and requests in; out, their answers, a line of JSON each, while what it prints is shown."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from typing import Any, Callable, List, Mapping, Tuple

from shipway_agent.errors import AgentError
from shipway_agent.output import Output
from shipway_agent.primitives.tasks import ASK_SECONDS, LAST_LINES, SETTLE_SECONDS, Runner

Show = Callable[[str], None]

END_SECONDS = 2.0
"""How long it may take to end once nothing more will be asked."""


class Inside:
    """It gets requests by its input and answers by a pipe that it opens by name: nothing that the application prints is taken for one.

    When we are killed its input ends, and it does with what it has begun.
    """

    def __init__(self, runner: Runner, command: Callable[[str], Any], moot: Callable[[], bool], keep: Tuple[int, ...]) -> None:
        """`command` is what to run, given where answers go. Raises AgentError `task-failed`."""
        self._moot = moot
        self._answers, self._theirs = os.pipe()
        self._rest = b""
        try:
            self._running = runner.start(command(f"/proc/{os.getpid()}/fd/{self._theirs}"), stdin=subprocess.PIPE, keep=keep)
        except BaseException:
            self._close()
            raise
        assert self._running.child.stdout is not None
        os.set_blocking(self._running.child.stdout.fileno(), False)

    def ask(self, request: Mapping[str, Any], seconds: float, show: Show) -> Tuple[Any, List[str]]:
        """The answer, and the last lines that were printed meanwhile.

        Raises AgentError `migration-failed` where it ended without one, was too slow, or is moot: then it is of no use any more.
        """
        child, output, until, ask_at = self._running.child, Output(show), time.monotonic() + seconds, 0.0
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            pass  # it has ended, and is told below
        while True:
            line = self._line()
            if line:
                self._hear(output, 0.0)
                if output.unseen_bytes:
                    show(f"… and {output.unseen_bytes:,} bytes more that are not shown")
                return json.loads(line), output.end(LAST_LINES)
            now = time.monotonic()
            if child.poll() is not None and not self._ready():
                self._hear(output, SETTLE_SECONDS)
                raise AgentError("migration-failed", f"its command ended by itself ({child.returncode})", output.end(LAST_LINES))
            if now >= until:
                raise AgentError("migration-failed", "it took too long, and was ended", output.end(LAST_LINES))
            if now >= ask_at:
                if self._moot():
                    raise AgentError("migration-failed", "the lock in the database was lost, and it was ended", output.end(LAST_LINES))
                ask_at = now + ASK_SECONDS
            self._hear(output, min(ASK_SECONDS, until - now))

    def end(self) -> None:
        """Nothing more will be asked; what does not end by itself is ended. Raises AgentError `stuck`."""
        child = self._running.child
        assert child.stdin is not None
        child.stdin.close()
        try:
            child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        try:
            self._running.end()
        finally:
            self._close()

    def _hear(self, output: Output, seconds: float) -> None:
        """What it printed so far, waited for no longer than that, and no longer than for an answer."""
        assert self._running.child.stdout is not None
        fd = self._running.child.stdout.fileno()
        if fd not in select.select([fd, self._answers], [], [], seconds)[0]:
            return
        while True:
            try:
                data = os.read(fd, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                time.sleep(0.005)  # it has closed its output and still runs
                return
            output.feed(data)

    def _ready(self) -> bool:
        return bool(select.select([self._answers], [], [], 0)[0])

    def _line(self) -> bytes:
        """A whole one; b"" while there is none."""
        while b"\n" not in self._rest:
            if not self._ready():
                return b""
            self._rest += os.read(self._answers, 1 << 16)
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _close(self) -> None:
        os.close(self._answers)
        os.close(self._theirs)
