"""Events and a verdict in, what a person or a program sees out: a live table, plain lines, or JSON, decided once."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any, Protocol, Self, cast

from shipway.cli.outlet import Outlet
from shipway.model.event import Event
from shipway.model.verdict import Verdict
from shipway.reports.fold import State

ROWS = 40
"""Hosts that the drawing behind a deployment shows; of more, those in trouble and the slowest."""

PLAIN = "SHIPWAY_PLAIN"
"""Set to 1, a terminal gets the plain lines that a file gets, as screen readers need. No option, for it is a person's and no command's."""


class Progress(Protocol):
    """How a running flow is shown."""

    state: State

    def on_event(self, event: Event) -> None:
        """Show one event."""
        ...


class Screen:
    """Where a command speaks. `json` makes every line an object; else a terminal gets a live table and everything else plain lines.

    `reads` is for commands that only read: their plain lines begin with the answer. `alone` is for an answer of one object: with
    `json` nothing else is printed. `streams` is for those whose answer is lines that come: on a terminal, too, they are all there is.

    A reader that went away (a closed pipe, a lost terminal) silences it and stops nothing: a deployment does not end with its watcher.
    Nor does one that stands still (a pager, Ctrl-S) hold it up: only the end of the block waits until everything was read.
    """

    def __init__(self, *, json: bool = False, reads: bool = False, alone: bool = False, streams: bool = False) -> None:
        self.json = json
        self._streams = streams
        self._silent = alone if json else reads
        self._out = Outlet(sys.stdout, _left_out_line if json else _left_out_words)
        self._aside = Outlet(sys.stderr, _left_out_words)
        self._stack = ExitStack()
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end_progress()
        try:
            self.drain()
        except KeyboardInterrupt:
            pass  # it has ended; whoever stands still does not want the rest

    def drain(self, seconds: float | None = None) -> None:
        """Wait until everything was read, for so many seconds at most; then nothing more is shown."""
        for outlet, number in ((self._out, 1), (self._aside, 2)):
            if not outlet.drain(seconds) or outlet.gone:
                _abandon(outlet, number)

    @property
    def state(self) -> State:
        """The attempt as far as it was told."""
        return self._progress.state if self._progress is not None else State()

    def on_event(self, event: Event) -> None:
        """Show what happens."""
        if self._silent and event.kind in ("waiting", "lost"):
            self._say_aside(event)
        if self._progress is None:
            self._progress = self._begin_progress()
        self._progress.on_event(event)

    def line(self, text: str = "") -> None:
        """Print one line."""
        self._out.write(f"{text}\n")

    def aside(self, text: str) -> None:
        """Print a line on stderr, so that lines of JSON stay whole."""
        if self._progress is not None and self.terminal and not self.json and not self._streams:
            print(text, file=sys.stderr)  # which is the live table's now
        else:
            self._aside.write(f"{text}\n")

    def lines(self, texts: Sequence[str]) -> None:
        """Print some lines, below whatever was shown so far."""
        self._end_progress()
        for text in texts:
            self.line(text)

    def object(self, value: Any) -> None:
        """Print one JSON object on one line."""
        from shipway.reports.json import object_line

        self.line(object_line(value))

    def verdict(self, verdict: Verdict, *, situation: str = "", details: Sequence[str] = (), report: str = "") -> None:
        """Print how it ended, as the last thing. `report` is the path of the whole story."""
        self._end_progress()
        if self.json:
            from shipway.reports.json import verdict_line

            self.line(verdict_line(verdict))
            return
        from shipway.reports.few import fewer
        from shipway.reports.json import report_of
        from shipway.reports.layout import layout
        from shipway.reports.timeline import timeline
        from shipway.reports.verdict import verdict_text

        state = self.state
        if any(phase.name == "switch" for phase in state.phases):
            told, others = fewer(report_of(state), ROWS)
            self.lines(["", *timeline(layout(told), self.width), *([others] if others else []), ""])
        self.lines(verdict_text(verdict, state, situation=situation, details=details, report=report))

    @property
    def width(self) -> int:
        """Columns of the terminal, 100 where there is none."""
        from shutil import get_terminal_size

        return min(120, get_terminal_size((100, 24)).columns)

    @property
    def terminal(self) -> bool:
        """Whether a person watches on a terminal that can move its cursor, and does not want plain lines there (SHIPWAY_PLAIN)."""
        return os.environ.get(PLAIN, "") in ("", "0") and self._out.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def _say_aside(self, event: Event) -> None:
        """What a command waits for and for how long at most, also where nothing but its answer is printed: on stderr."""
        if not self.json and self.terminal:
            return  # the live table says it
        from shipway.reports.clean import clean
        from shipway.reports.text import words

        for line in words(event):
            self.aside(f"{clean(event.host)}: {line}" if event.host else line)

    def _begin_progress(self) -> Progress:
        if self.json:
            return _Lines(_nowhere if self._silent else self._offer)
        if self._streams:
            from shipway.reports.lines import LineReport

            return LineReport(self._offer, self.aside)
        if self.terminal:
            from rich.console import Console

            from shipway.reports.live import LiveReport

            console = Console(file=cast("IO[str]", self._out), highlight=False, markup=False)
            return self._stack.enter_context(LiveReport(console, behind=lambda: self._out.behind))
        from shipway.reports.text import TextReport

        return TextReport(_nowhere if self._silent else self._offer)

    def _offer(self, line: str) -> None:
        """Print a line that may be left out where nobody reads."""
        self._out.offer(f"{line}\n")

    def _end_progress(self) -> None:
        self._stack.close()


def _left_out_words(count: int) -> str:
    return f"({count:,} lines are left out here: nobody read them)"


def _left_out_line(count: int) -> str:
    from shipway.reports.json import event_line

    return event_line(Event("note", time.time(), data={"message": _left_out_words(count)}))


def _abandon(outlet: Outlet, number: int) -> None:
    """Python flushes once more when it ends; a reader that is gone, or stands still, must not be an error or a wait then."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        if outlet.fileno() == number:
            os.dup2(nowhere, number)
    except (OSError, ValueError):
        pass  # no descriptor behind this file: nothing will be flushed to it
    finally:
        os.close(nowhere)


def _nowhere(line: str) -> None:
    """Where the lines of a silent screen go."""


class _Lines:
    """Every event as a line of JSON."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self._line = line
        self.state = State()

    def on_event(self, event: Event) -> None:
        from shipway.reports.json import event_line

        self.state.add(event)
        self._line(event_line(event))
