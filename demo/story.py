"""A stage in, what happened on it out: six acts under load, shown as they happen, and a table at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo.stage import ENVIRONMENT, Stage
from load import Load, Outcome


class Unexpected(Exception):
    """An act did not end as it should. The message says which, and how it ended."""


@dataclass(frozen=True)
class Act:
    """What is typed, what is expected of it, and what the audience is told."""

    title: str
    words: tuple[str, ...]
    exit_code: int
    ending: str


ACTS = (
    Act("Version 1 goes live on three hosts", ("deploy", ENVIRONMENT, "--ref", "v1"), 0, "live, and proved on every host"),
    Act("Version 2", ("deploy", ENVIRONMENT, "--ref", "v2"), 0, "live, and proved on every host"),
    Act("Version 3 cannot start", ("deploy", ENVIRONMENT, "--ref", "v3"), 1, "undone before a visitor saw it"),
    Act(
        "Version 4 turns sick a second after it went live", ("deploy", ENVIRONMENT, "--ref", "v4"), 1, "undone everywhere; version 2 serves"
    ),
    Act("Back to version 1", ("rollback", ENVIRONMENT), 0, "live, and proved on every host"),
)


@dataclass(frozen=True)
class Played:
    """How an act went: seconds from the command to its verdict, and the report of the attempt."""

    act: Act
    seconds: float
    report: dict[str, Any]


def tell(stage: Stage) -> bool:
    """Plays all acts; True when no request failed. Raises Unexpected."""
    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold]Shipway[/bold]: three hosts on this machine, a Caddy in front of each, and visitors all the time\n")
    for host, address in zip(stage.ports, stage.addresses, strict=True):
        console.print(f"  host {host}  http://{address}")
    first = _play(ACTS[0], stage, console)
    load = Load(*stage.addresses, scale=0.4)
    with load:
        console.print("\n  Visitors now come to all three: short requests, slow ones, uploads, streams, WebSockets. They never try twice.")
        time.sleep(1)
        played = [first, *(_play(act, stage, console, load) for act in ACTS[1:])]
        time.sleep(1)
        console.print("\n  The last visitors finish …")
        outcome = load.stop()
    return _account(console, played, outcome)


def _play(act: Act, stage: Stage, console: Console, load: Load | None = None) -> Played:
    console.print(f"\n[bold]▸ {act.title}[/bold]   [dim]$ shipway {' '.join(act.words)}[/dim]")
    said: list[str] = []
    code, seconds = stage.run(*act.words, show=_both(said.append, lambda line: console.print(Text(f"    {line}", style="dim"))))
    if code != act.exit_code:
        raise Unexpected(f"“{act.title}” ended with {code} instead of {act.exit_code}; the last lines:\n" + "\n".join(said[-20:]))
    visitors = ""
    if load is not None:
        progress = load.progress()
        visitors = f"   {progress['sent']} requests so far, {progress['failed']} failed"
    console.print(f"  [green]✓[/green] {act.ending}, in {seconds:.1f} s{visitors}")
    return Played(act, seconds, stage.report())


def _both(*shows: Callable[[str], None]) -> Callable[[str], None]:
    def show(line: str) -> None:
        for each in shows:
            each(line)

    return show


def _account(console: Console, played: list[Played], outcome: Outcome) -> bool:
    table = Table(title="\nWhat the visitors got", show_header=False, title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    table.add_row("requests sent", f"{outcome.sent}")
    table.add_row("failed", f"[{'green' if outcome.failed == 0 else 'red'}]{outcome.failed}[/]")
    for kind, totals in outcome.kinds.items():
        table.add_row(f"  {kind}", f"{totals.sent} sent, {totals.failed} failed, longest {totals.longest_seconds:.2f} s")
    for version, span in sorted(outcome.versions.items()):
        table.add_row(f"answers of version {version}", f"{span.answers}")
    table.add_row("time to live (version 2)", f"{played[1].seconds:.2f} s")
    table.add_row("time of the switch (version 2)", _switch(played[1]))
    table.add_row("time of the rollback", f"{played[-1].seconds:.2f} s")
    table.add_row("  its switch", _switch(played[-1]))
    console.print(table)
    for failure in outcome.failures[:10]:
        console.print(f"[red]failed[/red]: {failure.kind} {failure.address}: {failure.error}")
    wrong = set(outcome.versions) - {"1", "2", "4"}
    if wrong:
        console.print(f"[red]answers from what was never meant to serve[/red]: version {', '.join(sorted(wrong))}")
    return outcome.failed == 0 and not wrong


def _switch(played: Played) -> str:
    """From the first host that served the new version to the last; the hosts of the demo share one clock."""
    switched = [host["switched"] for host in played.report["hosts"].values() if host["switched"]]
    if len(switched) != len(played.report["hosts"]):
        return "not told by every host"
    began = min(each["at_boot"] - each["seconds"] for each in switched)
    return f"{(max(each['at_boot'] for each in switched) - began) * 1000:.0f} ms"
