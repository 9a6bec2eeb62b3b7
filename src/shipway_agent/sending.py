"""A wish to send copies elsewhere in; out, a process beside the supervisor that fulfils it, behind every verdict, and tries again."""

from __future__ import annotations

import os

from shipway_agent import group
from shipway_agent.apply import poke
from shipway_agent.decide import Member, live
from shipway_agent.group import Known
from shipway_agent.itself import argv_of, own_file
from shipway_agent.journal import Journal
from shipway_agent.root import Root
from shipway_agent.signals import SIGKILL
from shipway_agent.supervisor import environment
from shipway_agent.typed import Callable, Optional

WISH = "copies"
"""Row of the journal's meta: when copies are to be sent next, seconds since the epoch."""

AGAIN_SECONDS = 60.0
"""Between two starts: one that ends before it could say when it is to be started again."""


def later(root: Root, journal: Journal, at: float) -> None:
    """Have the supervisor send what lacks elsewhere, at that time by the wall clock."""
    journal.set_meta(WISH, repr(at), synced=False)
    poke(root)


class Sending:
    """One process at a time. It is not awaited: what it did is in the journal."""

    def __init__(self, root: Root, say: Callable[[str], None]) -> None:
        self._root = root
        self._say = say
        self._running: Optional[Known] = None
        self._last: Optional[str] = None
        self._again = 0.0

    def turn(self, wish: str, member: Member, boot_now: float, wall_now: float, now: float) -> None:
        """Begin, where the time has come. A wish that is still there after its process is tried again a minute later.

        Never while somebody drives this host: what is declared then may be another generation's than that which the point is of.
        """
        if member.lease is not None and live(member.lease, boot_now):
            return
        if self._is_going() or wall_now < float(wish) or (wish == self._last and now < self._again):
            return
        self._last, self._again = wish, now + AGAIN_SECONDS
        self._start()

    def end(self) -> None:
        """Nothing of this root runs any more."""
        if self._running is not None and self._is_going():
            group.end([self._running], SIGKILL)

    def _is_going(self) -> bool:
        return self._running is not None and group.alive(self._running.pid, self._running.start)

    def _start(self) -> None:
        argv = argv_of(own_file(), ["copy", "--root", self._root.path])
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            actions = [(os.POSIX_SPAWN_DUP2, null, 0)]  # what it says is in the supervisor's log
            pid = os.posix_spawn(argv[0], argv, environment(), file_actions=actions)
        except OSError as error:
            self._say(f"copies of restore points cannot be sent: {error.strerror}")
            return
        finally:
            os.close(null)
        self._running = group.known(pid)
