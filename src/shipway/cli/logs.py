"""`shipway logs [ENV] [--follow]`: what processes write, on every host."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli import completing
from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import LogsWords


@click.command("logs")
@environment
@click.option(
    "-f", "--follow", is_flag=True, help="Go on with what is written from now on, also by the releases that come. Ctrl-C ends it."
)
@click.option(
    "-p", "--process", "processes", metavar="NAME", multiple=True, help="Only this process; also tasks, supervisor, notifications."
)
@click.option("--host", "hosts", metavar="HOST", multiple=True, help="Only this host.", shell_complete=completing.hosts)
@click.option(
    "--release",
    metavar="RELEASE",
    help="What another release wrote: a generation's number, version, commit or digest.",
    shell_complete=completing.releases,
)
@click.option("-n", "--lines", type=click.IntRange(0, 10_000), default=100, show_default=True, help="Last lines of each copy.")
@everywhere
def command(
    environment: str | None,
    follow: bool,
    processes: tuple[str, ...],
    hosts: tuple[str, ...],
    release: str | None,
    lines: int,
    project: Path,
    json: bool,
    debug: bool,
) -> int:
    """The last lines that each copy of each process wrote, host by host, and with --follow each line as it comes.

    A generation that failed has its logs for as long as it is kept: --release NUMBER. Ends with 4 when a host cannot be read.
    """
    words = LogsWords(
        project=project,
        environment=environment,
        follow=follow,
        processes=processes,
        hosts=hosts,
        release=release,
        lines=lines,
        json=json,
    )
    return perform("logs", words, debug=debug)
