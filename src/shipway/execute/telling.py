"""A kind and its facts in, an Event to everyone who listens out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shipway.model.event import KINDS, Event


class Tell:
    """Says what happens, in the name of one deployment. `clock` gives seconds since the epoch, for people only."""

    def __init__(self, on_event: Callable[[Event], None], clock: Callable[[], float], deployment: str = "") -> None:
        self._on_event = on_event
        self._clock = clock
        self.deployment = deployment

    def __call__(self, kind: str, /, *, host: str = "", **data: Any) -> None:
        """Tell one event. Raises KeyError for a kind that the table does not list."""
        KINDS[kind]
        self._on_event(Event(kind=kind, at=self._clock(), deployment=self.deployment, host=host, data=data))

    def named(self, deployment: str) -> Tell:
        """The same listeners, for the deployment of this id."""
        return Tell(self._on_event, self._clock, deployment)
