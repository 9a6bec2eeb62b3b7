"""`shipway resume [ENV]`: what an interrupted driver left is settled, from any machine."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import ResumeWords


@click.command("resume")
@environment
@everywhere
def command(environment: str | None, project: Path, json: bool, debug: bool) -> int:
    """Settle what an interrupted driver left: what the lead has committed goes live everywhere, all else is undone."""
    return perform("resume", ResumeWords(project=project, environment=environment, json=json), debug=debug)
