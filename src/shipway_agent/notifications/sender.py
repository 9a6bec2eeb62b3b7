"""What waits in the outbox in, a process that tries to send it out: started by the daemon when something is due, never awaited."""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Mapping, Optional, Tuple

from shipway_agent import group
from shipway_agent.group import Known
from shipway_agent.itself import argv_of, own_file
from shipway_agent.journal import Journal
from shipway_agent.root import Root

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 600.0
LOOK_SECONDS = 1.0
"""Between two starts: what another process is at has its result in the journal soon."""

MOST_AT_ONCE = 8
"""Letters of one process, each with a thread; the others come next."""


class Sender:
    """Kept by the daemon. It remembers no more than pauses: after a restart everything that waits is due at once."""

    def __init__(self, root: Root, journal: Journal, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._root = root
        self._journal = journal
        self._environment = environment
        self._say = say
        self._pauses: Dict[str, Tuple[int, float]] = {}
        self.running: Optional[Known] = None
        self._again = 0.0

    @property
    def idle(self) -> bool:
        """Whether no process that was started here is at it."""
        return self.running is None or not group.alive(self.running.pid, self.running.start)

    def turn(self, now: float) -> None:
        """Start a process for what is due. `now` is a steady clock."""
        waiting = self._journal.rows("SELECT id, tries FROM outbox WHERE state = 'waiting' ORDER BY rowid")
        if not waiting:
            self._pauses = {}
            return
        if now < self._again or not self.idle:
            return
        self._pauses = {str(name): self._pause(str(name), int(tries), now) for name, tries in waiting}
        due = [name for name, (_, again) in self._pauses.items() if again <= now][:MOST_AT_ONCE]
        if due:
            self._again = now + LOOK_SECONDS
            self._start(due)

    def _pause(self, name: str, tries: int, now: float) -> Tuple[int, float]:
        known = self._pauses.get(name)
        if known is None:
            return tries, now
        return known if known[0] == tries else (tries, now + pause_seconds(tries))

    def _start(self, due: List[str]) -> None:
        argv = argv_of(own_file(), ["notify", "--root", self._root.path, "--ids", ",".join(due)])
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            actions = [(os.POSIX_SPAWN_DUP2, null, 0)]
            pid = os.posix_spawn(argv[0], argv, self._environment, file_actions=actions)
        except OSError as error:
            self._say(f"notifications cannot be sent: {error.strerror}")
            return
        finally:
            os.close(null)
        self.running = group.known(pid)


def pause_seconds(tries: int) -> float:
    """After so many tries: 5 s, doubling to 10 min."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(tries - 1, 10))
