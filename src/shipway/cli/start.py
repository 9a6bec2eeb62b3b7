"""`shipway start [ENV] [--process NAME]`: what was stopped runs again."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere, processes
from shipway.cli.perform import perform
from shipway.flows.words import StartWords


@click.command("start")
@environment
@processes("Only this process, of those that are stopped.")
@everywhere
def command(environment: str | None, processes: tuple[str, ...], project: Path, json: bool, debug: bool) -> int:
    """Bring back what `stop` ended: the same release, in the numbers that ran. Visitors are let in once it is proved."""
    return perform("start", StartWords(project=project, environment=environment, processes=processes, json=json), debug=debug)
