"""How long each host took for its first word in; the instant at which all of them switch out, as the step is sent to them.

A word to many hosts reaches them one by one, and each writes its intent before it renames: the last would switch long behind the first.
So they are told when, by the wall clock. It decides nothing: a host never waits longer than `within_seconds` (docs/decisions/0046).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from shipway.model.plan import Step
from shipway_agent.record import replace

MOST_SECONDS = 1.0
"""No switch waits longer: where a host takes more for a word, all switch when they hear it."""


class Pace:
    """How long each host took from a list of steps to its first word of it: a message, an intent written there, a message back.

    That is what lies between the word to switch and a host that is ready to: what is only told leaves a host up to 20 ms later (the
    agent's Outbox). Kept of each host is the longest: what slowed it once may do so again.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` is a clock of this program, in seconds."""
        self._now = now
        self._asked: dict[str, float] = {}
        self._seconds: dict[str, float] = {}

    def asked(self, host: str) -> None:
        """A list is sent to a host now."""
        self._asked[host] = self._now()

    def heard(self, host: str) -> None:
        """A host has said something of its list: only its first word counts."""
        asked = self._asked.pop(host, None)
        if asked is not None:
            self._seconds[host] = max(self._seconds.get(host, 0.0), self._now() - asked)

    def slowest_seconds(self, hosts: Mapping[str, object]) -> float:
        """How long the slowest of these took; 0 where one of them was not heard yet."""
        return max((self._seconds.get(host, 0.0) for host in hosts), default=0.0) if self._seconds.keys() >= hosts.keys() else 0.0


def at_one_instant(work: Mapping[str, tuple[Step, ...]], pace: Pace) -> Mapping[str, tuple[Step, ...]]:
    """The same steps, those that switch with the instant at which all do; for one host, or where a host is unheard or too slow, none."""
    wait_seconds = pace.slowest_seconds(work)
    if len(work) < 2 or not 0.0 < wait_seconds <= MOST_SECONDS:
        return work
    instant = {"at": time.time() + wait_seconds, "within_seconds": wait_seconds}
    return {host: tuple(_told(step, instant) for step in steps) for host, steps in work.items()}


def _told(step: Step, instant: Mapping[str, Any]) -> Step:
    return replace(step, args={**step.args, "instant": instant}) if step.do == "switch" else step
