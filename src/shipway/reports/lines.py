"""Events in, the lines that processes write out: each with its host and copy before it. What concerns the reading itself goes aside."""

from __future__ import annotations

from collections.abc import Callable

from shipway.model.event import Event
from shipway.reports.clean import clean
from shipway.reports.fold import State
from shipway.reports.text import words


class LineReport:
    """`write` takes a line of a process, `aside` what is said about the reading; both without their ends."""

    def __init__(self, write: Callable[[str], None], aside: Callable[[str], None]) -> None:
        self.state = State()
        self._write = write
        self._aside = aside
        self._width = 0

    def on_event(self, event: Event) -> None:
        """Take one event and print it."""
        if event.kind != "output":
            for line in words(event):
                self._aside(f"{clean(event.host)}: {line}" if event.host else line)
            return
        source = f"{clean(event.host)} {clean(event.data.get('key', ''))}"
        self._width = max(self._width, len(source))
        self._write(f"{source.ljust(self._width)} | {clean(event.data.get('line', ''))}")
