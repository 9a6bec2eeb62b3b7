"""A flow that tells a story and ends as it is told: for tests of what is printed and of exit codes, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shipway.flows.words import Words
from shipway.model.event import Event
from shipway.model.verdict import Verdict


class FakeFlow:
    """Takes the place of every flow; `words` is what it was called with."""

    def __init__(self, ending: Verdict | Exception, events: Sequence[Event] = ()) -> None:
        self.words: Words | None = None
        self._ending = ending
        self._events = events

    async def __call__(self, words: Words, on_event: Callable[[Event], None]) -> Verdict:
        self.words = words
        for event in self._events:
            on_event(event)
        if isinstance(self._ending, Exception):
            raise self._ending
        return self._ending
