"""Signals in, a cancelled flow out: the first one undoes, the second leaves it to the hosts and says what they will do."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from shipway.cli.standing import heard
from shipway.model.verdict import Verdict
from shipway.reports.fold import State

INTENT = ("switch", "verify", "commit")
"""Phases in which a host may have switched and does not know the decision."""


@contextmanager
def interruptible(
    task: asyncio.Task[Any],
    say: Callable[[str], None],
    leave: Callable[[], None],
    will: str = "undoing; once more leaves it to the hosts",
) -> Iterator[None]:
    """While the block lasts, the first signal cancels `task` and says what it `will` do, the second calls `leave`; no return from there."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in heard()}
    seen: list[int] = []

    def on_signal(number: int) -> None:
        seen.append(number)
        if len(seen) > 1:
            leave()
            return
        if will:
            say(f"{signal.Signals(number).name}: {will}")
        task.cancel()

    for number in before:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in before:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


def left_alone(state: State) -> Verdict:
    """What is true, and what the hosts do by themselves, when the driver goes now."""
    environment = str(state.began.get("environment", "")) or "ENV"
    deployment = state.deployment
    if not state.touched:
        return Verdict("refused", 3, "interrupted before anything began; nothing was touched", "", deployment)
    hint = f"shipway resume {environment}"
    if state.decision:
        what = f"the decision is {state.decision} and stands; a host that has not heard it asks the lead by itself"
    elif state.phases and any(phase.name in INTENT for phase in state.phases):
        confirm = _seconds(state, "confirm_seconds")
        what = f"every host goes back to what it served by itself{confirm}, unless the lead has committed by then"
    else:
        what = "what served serves on; each host discards what was prepared when its lease runs out, and nothing stays locked"
    return Verdict("interrupted", 4, f"left to the hosts: {what}", hint, deployment)


def no_longer_watched(state: State) -> Verdict:
    """Whoever only watched goes: nothing changes by that. Not settled, as far as was seen."""
    environment = str(state.began.get("environment", "")) or "ENV"
    what = f"{state.deployment} goes on without a watcher" if state.deployment else "nothing was seen"
    return Verdict("interrupted", 4, f"no longer watched: {what}", f"shipway attach {environment}", state.deployment)


def not_waited_for() -> Verdict:
    """Whoever made machines ready goes before they have answered: each makes what it has begun to its end."""
    what = "left to the hosts: each makes what it has begun to its end, and nothing of it is half"
    return Verdict("interrupted", 4, what, "the same command again makes the rest, and changes nothing that is there")


def no_longer_read(state: State) -> Verdict:
    """Whoever read what comes has read enough."""
    return Verdict("answer", 0, "no longer read", data={"lines": []})


def _seconds(state: State, key: str) -> str:
    value = state.began.get(key)
    return f" within {value:g} s" if isinstance(value, (int, float)) else ""
