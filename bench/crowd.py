"""Nothing in; out, what one host costs the operator among 100, 1,000 and 10,000: each stage from the first look to the page of the report.

The hosts are in memory and do nothing, so that only the operator's own work is left; their half of each exchange is in the figures of
the stages that wait. Run from the checkout: .venv/bin/python -m bench.crowd [--write] [COUNT…]

--write puts the table into docs/performance.md.
"""

from __future__ import annotations

import asyncio
import gc
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bench.side.machine import ROOT
from bench.side.write import write

T = TypeVar("T")

COUNTS = (100, 1000, 10_000)
BEFORE = "(before)"


def main(words: Sequence[str]) -> int:
    """Print the table, one process a count: what another one allocated would not be counted again."""
    counts = [int(word) for word in words if word.isdigit()] or list(COUNTS)
    columns = [json.loads(subprocess.check_output([sys.executable, "-m", "bench.crowd", "--one", str(count)])) for count in counts]
    lines = table(counts, columns)
    print("\n".join(lines))
    if "--write" in words:
        write(ROOT / "docs/performance.md", {"crowd": lines})
    return 0


def table(counts: Sequence[int], columns: Sequence[Mapping[str, float]]) -> list[str]:
    """A row a stage, and what is one figure for all at the end."""
    lines = [f"| one of so many hosts costs | {' | '.join(f'{count:,}' for count in counts)} |", f"|---|{'---:|' * len(counts)}"]
    for name in columns[0]:
        lines.append(f"| {name} | {' | '.join(_figure(name, column[name]) for column in columns)} |")
    return lines


def _figure(name: str, value: float) -> str:
    return f"{value:,.2f}" if name.endswith("ms") else f"{value:,.1f}"


class Costs:
    """CPU seconds of this process by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._part, self._at = BEFORE, time.process_time()

    def enter(self, part: str) -> None:
        """What is done from now on belongs to `part`."""
        now = time.process_time()
        self.seconds[self._part] = self.seconds.get(self._part, 0.0) + now - self._at
        self._part, self._at = part or BEFORE, now

    def within(self, part: str, work: Callable[[], T]) -> T:
        """Do it, and count it for `part` alone."""
        before = self._part
        self.enter(part)
        try:
            return work()
        finally:
            self.enter(before)


def measured(count: int) -> dict[str, float]:
    """Milliseconds and kilobytes a host, by stage."""
    from rich.console import Console

    from shipway.ledger.store import Ledger
    from shipway.reports.few import fewer
    from shipway.reports.fold import fold
    from shipway.reports.json import report_of
    from shipway.reports.layout import layout
    from shipway.reports.live import LiveReport
    from shipway.reports.page import page
    from shipway.reports.text import TextReport
    from shipway.reports.timeline import timeline
    from tests.execute.crowd import Crowd

    gc.set_threshold(20_000, 50, 50)  # as cli/main.py has it
    costs = Costs()
    crowd = Crowd(count, before=True, through=costs.within, entered=costs.enter)
    begun = _peak_bytes()
    asyncio.run(crowd.deploy())
    driven = _peak_bytes()
    told = crowd.told

    live = LiveReport(Console(file=io.StringIO(), force_terminal=True, width=100, height=40), clock=lambda: 1790000000.0)
    costs.within("terminal: events", lambda: _all(live.on_event, told))
    drawing = _seconds_of(lambda: live._console.print(live.drawn()))
    lines: list[str] = []
    costs.within("plain lines", lambda: _all(TextReport(lines.append).on_event, told))
    state = fold(told)
    report = costs.within("report", lambda: json.dumps(report_of(state), indent=1))
    made: Any = json.loads(report)
    html = costs.within("page", lambda: page(made))
    costs.within("drawing behind the deployment", lambda: timeline(layout(fewer(made, 40)[0]), 100))
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder)) as ledger:
        costs.within("ledger: kept", lambda: ledger.add(told))
        costs.within("ledger: history", lambda: ledger.history("production", limit=10))
    costs.enter("")
    assert len(made["hosts"]) == count
    each = {f"{part}, ms": seconds / count * 1e3 for part, seconds in costs.seconds.items() if part != BEFORE}
    return {
        **each,
        "exchanges": crowd.exchanges / count,
        "bytes of questions, kB": crowd.bytes / count / 1e3,
        "events": len(told) / count,
        "memory of a deployment with its hosts, kB": (driven - begun) / count / 1e3,
        "report, kB": len(report) / count / 1e3,
        "**in all**: one redraw of the terminal, ms": drawing * 1e3,
        "in all: page, kB": len(html) / 1e3,
        "in all: peak of memory, MB": _peak_bytes() / 1e6,
        "in all: CPU, s": sum(seconds for part, seconds in costs.seconds.items() if part != BEFORE),
    }


def _all(take: Callable[[T], None], things: Sequence[T]) -> None:
    for thing in things:
        take(thing)


def _seconds_of(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measured(int(sys.argv[2]))))
        sys.exit(0)
    sys.exit(main(sys.argv[1:]))
