"""Listening copies in, whether each is healthy out: a thread asks each one, so that a slow page holds up nothing else."""

from __future__ import annotations

import threading

from shipway_agent.probes import healthy
from shipway_agent.record import dataclass, field
from shipway_agent.typed import Any, Callable, Dict, Mapping, Optional

STARTING_SECONDS = 0.1
"""Between two questions to a copy that was not healthy the last time; shorter at first, for a switch waits for the answer."""

FIRST_SECONDS = 0.01
LONGER = 1.2
"""By how much each pause is longer than the one before, up to STARTING_SECONDS: after half a second of questions."""

STEADY_SECONDS = 5.0
"""Between two questions to one that was."""


@dataclass(frozen=True)
class Target:
    """What is asked: the address of one start of a copy (`token`), by the rule of its document; None: it is enough that it accepts."""

    token: str
    address: str
    health: Optional[Mapping[str, Any]] = None


@dataclass
class _Watch:
    target: Target
    ended: threading.Event = field(default_factory=threading.Event)
    fault: Optional[str] = "it was not asked yet"
    asked: bool = False


class Pulse:
    """Keeps asking. `wake` is called, from any thread, when an answer differs from the last."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._watches: Dict[str, _Watch] = {}

    def watch(self, targets: Mapping[str, Target]) -> None:
        """Ask exactly these, by token, from now on."""
        for token in [token for token in self._watches if targets.get(token) != self._watches[token].target]:
            self._watches.pop(token).ended.set()
        for token, target in targets.items():
            if token not in self._watches:
                self._watches[token] = watch = _Watch(target)
                threading.Thread(target=self._ask, args=(watch,), name="pulse", daemon=True).start()

    def healthy(self, token: str) -> Optional[bool]:
        """The last answer; None where there is none yet."""
        watch = self._watches.get(token)
        return None if watch is None or not watch.asked else watch.fault is None

    def fault(self, token: str) -> Optional[str]:
        """Why the last answer was not healthy, None when it was."""
        watch = self._watches.get(token)
        return None if watch is None else watch.fault

    def _ask(self, watch: _Watch) -> None:
        pause_seconds = FIRST_SECONDS
        while not watch.ended.is_set():
            try:
                fault = healthy(watch.target.address, watch.target.health)
            except Exception as error:  # a fault of ours counts as not healthy, and says so
                fault = repr(error)
            differs = not watch.asked or (fault is None) != (watch.fault is None)
            watch.fault, watch.asked = fault, True
            if differs:
                self._wake()
            pause_seconds = FIRST_SECONDS if fault is None else min(STARTING_SECONDS, pause_seconds * LONGER)
            watch.ended.wait(STEADY_SECONDS if fault is None else pause_seconds)
