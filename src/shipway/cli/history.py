"""`shipway history [ENV]`: the deployments that are remembered, here and on the hosts."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import HistoryWords


@click.command("history")
@environment
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first.")
@everywhere
def command(environment: str | None, limit: int, project: Path, json: bool, debug: bool) -> int:
    """The deployments that are remembered, here and on the hosts, newest first: failed and refused ones too."""
    return perform("history", HistoryWords(project=project, environment=environment, limit=limit, json=json), debug=debug)
