"""Events in, a table that lives on the terminal out: a row a host, its step and the seconds that it takes.

A narrow window gets fewer columns, a low one fewer rows and a line that says what is left out; both may change while it lives.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console, ConsoleOptions, ConsoleRenderable, Group, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from shipway.model.event import Event
from shipway.reports.cause import cause
from shipway.reports.clean import clean
from shipway.reports.fold import HostState, State
from shipway.reports.shown import shown
from shipway.reports.sizes import seconds
from shipway.reports.text import words

REDRAWS_A_SECOND = 8
WIDE, NARROW = 72, 44
"""Columns from which a row has everything, and below which it has only host and stage."""

OUTPUT_LINES, LEAST_OUTPUT = 6, 2
"""Lines of the newest output below the table, and how many of them stay where hosts need the room."""

MANY = 500
"""Hosts from which it takes long to choose those that get a row."""

STYLES = {
    "failed": "bold red",
    "lost": "bold yellow",
    "went back": "bold yellow",
    "reverted": "yellow",
    "switched": "cyan",
    "proved": "green",
    "committed": "bold green",
}
STAY = ("note", "settled", "waiting", "went back", "lost")
"""Events whose words stay on the screen above the table."""


class LiveReport:
    """Draws while the block lasts. `clock` gives seconds since the epoch, as events do; on_event may be called from any thread.

    While the terminal is `behind`, nothing is drawn that would be old before anybody saw it.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.time, behind: Callable[[], bool] = lambda: False) -> None:
        self.state = State()
        self._console = console
        self._clock = clock
        self._lock = threading.Lock()
        self._output: list[tuple[str, str]] = []
        self._chosen: tuple[float, int, tuple[list[str], str]] = (0.0, 0, ([], ""))
        self._live = _Patient(behind, console=console, refresh_per_second=REDRAWS_A_SECOND, get_renderable=self.drawn, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def on_event(self, event: Event) -> None:
        """Take one event. The table follows by itself; what a person must not miss is printed above it."""
        with self._lock:
            self.state.add(event)
            if event.kind == "output":
                self._output = [*self._output, (event.host, clean(event.data.get("line", "")))][-OUTPUT_LINES:]
        failed = event.kind == "step" and event.data.get("state") == "failed"
        if event.kind in STAY or failed:
            for line in words(event):
                self._console.print(Text(f"{clean(event.host)}  {line}".strip(), style="red" if failed else ""), soft_wrap=True)

    def drawn(self) -> RenderableType:
        """The table as it stands now, in lines that fit the window."""
        with self._lock:
            now = max(self._clock(), self.state.last_at)
            width, height = self._console.width, self._console.height
            head = 2 if width >= WIDE else 1
            kept = min(len(self._output), LEAST_OUTPUT) if width >= NARROW and height > 2 * OUTPUT_LINES else 0
            names, others = self._shown(now, max(1, height - 1 - head - kept))
            room = height - 1 - head - len(names) - bool(others) if width >= NARROW else 0
            parts: list[RenderableType] = [self._title(now)]
            if names:
                parts.append(self._table(now, width, names))
            if others:
                parts.append(Text(others, style="bold", overflow="ellipsis", no_wrap=True))
            output = self._output[-room:] if room > 0 else []
            parts += [Text(f"  {host} | {line}", style="dim", overflow="ellipsis", no_wrap=True) for host, line in output]
            return Group(*parts)

    def _shown(self, now: float, rows: int) -> tuple[list[str], str]:
        """Who gets a row. Among many that is asked once a second, for it takes as long as all the rest of a drawing."""
        at, for_rows, chosen = self._chosen
        if len(self.state.hosts) <= MANY or rows != for_rows or not 0.0 <= now - at < 1.0:
            chosen = shown(self.state.hosts, rows)
            self._chosen = (now, rows, chosen)
        return chosen

    def _title(self, now: float) -> Text:
        began = self.state.began
        spent = seconds(now - (self.state.began_at or now))
        title = Text(
            f"{clean(began.get('kind', 'reading'))} {clean(began.get('version', ''))}".strip(),
            style="bold",
            overflow="ellipsis",
            no_wrap=True,
        )
        title.append(f"  {clean(began.get('environment', ''))}  {spent}", style="not bold")
        phase = self.state.phase
        if phase is not None:
            batch = f"batch {phase.batch} of {len(self.state.batches)}: " if phase.batch is not None else ""
            title.append(f"  {batch}{phase.wave or phase.name} {seconds(now - phase.began)}", style="not bold cyan")
        if self.state.waiting:
            title.append(f"  waiting for {self.state.waiting}", style="not bold yellow")
        return title

    def _table(self, now: float, width: int, names: Sequence[str]) -> Table:
        table = Table(box=None, pad_edge=False, expand=False, show_header=width >= WIDE, header_style="dim")
        table.add_column("host", no_wrap=True, overflow="ellipsis")
        table.add_column("stage", no_wrap=True)
        if width >= NARROW:
            table.add_column("step", no_wrap=True, overflow="ellipsis", ratio=1)
            table.add_column("time", no_wrap=True, justify="right")
        for name in names:
            host = self.state.hosts[name]
            cells = [Text(clean(name)), Text(host.stage, style=STYLES.get(host.stage, ""))]
            if width >= NARROW:
                step, spent = _doing(host, now, self.state.waits_for(name))
                cells += [Text(step), Text(spent)]
            table.add_row(*cells)
        return table


class _Fixed:
    """Lines that are laid out already."""

    def __init__(self, lines: list[list[Segment]]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._lines:
            yield from line
            yield Segment.line()


def _stripped(line: list[Segment]) -> list[Segment]:
    """Without the blanks at its end: a terminal that breaks lines anew counts them."""
    end = len(line)
    while end and not line[end - 1].text.strip():
        end -= 1
    return [*line[: end - 1], Segment(line[end - 1].text.rstrip(), line[end - 1].style)] if end else []


class _Patient(Live):
    """Leaves out a redraw while it is behind, and wipes what it drew also in a window that has become narrower since."""

    def __init__(self, behind: Callable[[], bool], **options: Any) -> None:
        self._behind = behind
        self._next: list[int] = []
        self._drawn: list[int] = []
        super().__init__(**options)

    def get_renderable(self) -> RenderableType:
        """The table in lines as wide as the window is now; how many columns each takes is kept."""
        drawn = self.console.render_lines(super().get_renderable(), self.console.options.update(height=None), pad=False)
        lines = [_stripped(line) for line in drawn]
        self._next = [Segment.get_line_length(line) for line in lines]
        return _Fixed(lines)

    def refresh(self) -> None:
        if not self._behind():
            super().refresh()

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Terminals break lines anew when they become narrower: the table then takes more rows than were drawn, and all must go."""
        width, shape = max(1, self.console.width), self._live_render._shape
        if shape is not None:
            self._live_render._shape = (width, shape[1] + sum((cells - 1) // width for cells in self._drawn[: shape[1]] if cells))
        self._drawn = [min(cells, width) for cells in self._next]
        return super().process_renderables(renderables)


def _doing(host: HostState, now: float, batch: int | None) -> tuple[str, str]:
    """What a host does, and for how long. `batch` is the one that it waits for."""
    if host.waiting:
        return f"waiting for {host.waiting}", ""
    work = host.step
    if work is not None:
        return work.title, seconds(now - work.began)
    failure = host.failure
    if failure is not None and failure.error is not None:
        return f"{failure.title}: {cause(failure.error['message'])}", ""
    return (f"waits for batch {batch}" if batch is not None else ""), ""
