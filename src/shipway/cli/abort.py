"""`shipway abort [ENV]`: what an interrupted driver left is undone, unless it is committed."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import AbortWords


@click.command("abort")
@environment
@everywhere
def command(environment: str | None, project: Path, json: bool, debug: bool) -> int:
    """Undo what an interrupted driver left. What the lead has committed stays, and is named: `rollback` goes back then."""
    return perform("abort", AbortWords(project=project, environment=environment, json=json), debug=debug)
