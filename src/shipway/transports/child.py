"""A command in; out, a child that runs it, and our ends of what it reads, writes and complains to: no event loop has to be there yet."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence

from shipway_agent.record import dataclass


@dataclass(frozen=True)
class Child:
    """A process in a session of its own. `stream` is its stdin and stdout, `errors` its stderr."""

    process: subprocess.Popen[bytes]
    stream: socket.socket
    errors: socket.socket

    def end(self) -> None:
        """Kill it with all of its session, and let go of it."""
        self.stream.close()
        self.errors.close()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def begin(argv: Sequence[str], *, env: Mapping[str, str]) -> Child:
    """Start a child in a session of its own, so that Ctrl-C at the terminal reaches us and not it. Raises OSError."""
    ours, theirs = socket.socketpair()
    errors, their_errors = socket.socketpair()
    try:
        with theirs, their_errors:
            process = subprocess.Popen(
                list(argv),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=their_errors.fileno(),
                env=dict(env),
                start_new_session=True,
            )
    except BaseException:
        ours.close()
        errors.close()
        raise
    errors.setblocking(False)
    return Child(process, ours, errors)
