"""Logs of processes in; out, a copy of every line in systemd's journal, for those who look there. The files stay the truth.

Nothing here waits: what the journal does not take now is offered again in the next turn, and what a process writes faster than that is
left out of the copy, which says so.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from typing import Callable, Deque, Dict, Optional, Tuple

from shipway_agent import logs
from shipway_agent.folder import Folder
from shipway_agent.root import Root
from shipway_agent.supervisor import STARTED_BY_SYSTEMD

SOCKET = "/run/systemd/journal/socket"
TURN_SECONDS = 0.5
MOST_LINES = 2000
"""A turn: some 20 ms of a core."""

INFO = "6"


class Copy:
    """Follows the logs of one root. `app` answers whose they are, by generation: "" where that is not known."""

    def __init__(self, root: Root, app: Callable[[int], str], path: str = SOCKET) -> None:
        self._root = root
        self._app = app
        self._path = path
        self._places: Dict[int, int] = {}
        self._waiting: Deque[bytes] = deque()
        self._socket: Optional[socket.socket] = None
        self._again = 0.0
        self._first = True

    def turn(self, now: float) -> None:
        """Copy what was written since the last turn. What was there before the first one is not copied: an earlier supervisor did."""
        if now < self._again:
            return
        self._again = now + TURN_SECONDS
        with self._root.at(logs.FOLDER, create=True, mode=0o700) as folder:
            if not self._waiting:
                self._read(folder)
        self._first = False
        self._send()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _read(self, folder: Folder) -> None:
        seen: Dict[int, int] = {}
        for name in folder.names():
            of, found = logs.whose(name), folder.stat(name)
            if of is None or found is None:
                continue
            # By inode: a log that is handed over to another generation goes on under another name.
            at = self._places.get(found.st_ino, logs.end_of_lines(folder, name)[0] if self._first else 0)
            if found.st_size != at and not self._first:
                lines, at, left_out = logs.read_on(folder, name, at)
                about = self._about(*of)
                if left_out or len(lines) > MOST_LINES:
                    self._waiting.append(_entry("(lines are left out here: the file has them)", about))
                self._waiting.extend(_entry(line, about) for line in lines[-MOST_LINES:])
            seen[found.st_ino] = at
        self._places = seen

    def _about(self, process: str, instance: int, generation: int) -> Tuple[Tuple[str, str], ...]:
        app = self._app(generation)
        return (
            ("SYSLOG_IDENTIFIER", f"{app}.{process}" if app else process),
            ("SHIPWAY_INSTANCE", str(instance)),
            ("SHIPWAY_GENERATION", str(generation)),
            ("SHIPWAY_ROOT", self._root.path),
        )

    def _send(self) -> None:
        if not self._waiting:
            return
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
                self._socket.connect(self._path)
            while self._waiting:
                self._socket.send(self._waiting[0])
                self._waiting.popleft()
        except BlockingIOError:
            pass  # its queue is full
        except OSError:
            self.close()  # it is restarted, or not there; the file has the lines


def is_there() -> bool:
    """Whether systemd started us and its journal takes entries."""
    return STARTED_BY_SYSTEMD in os.environ and os.path.exists(SOCKET)


def _entry(line: str, about: Tuple[Tuple[str, str], ...]) -> bytes:
    """One entry in the journal's own format: a field a line. A line of a log has neither line breaks nor control characters."""
    fields = (("MESSAGE", line), ("PRIORITY", INFO), *about)
    text = "".join(f"{name}={value}\n" for name, value in fields if "\n" not in value)
    return text.encode("utf-8", "replace")
