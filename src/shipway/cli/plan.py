"""`shipway plan [ENV] [--ref REF] [--without HOST]`: what a deployment would do and change; nothing is touched."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere, ref, without_as_deploy
from shipway.cli.perform import perform
from shipway.flows.words import PlanWords


@click.command("plan")
@environment
@ref
@without_as_deploy
@click.option("--files", is_flag=True, help="List every file that differs from what is live.")
@everywhere
def command(environment: str | None, ref: str | None, without: tuple[str, ...], files: bool, project: Path, json: bool, debug: bool) -> int:
    """What a deployment would do on each host, phase by phase, and what it would change. Nothing is touched."""
    words = PlanWords(project=project, environment=environment, ref=ref, without=without, files=files, json=json)
    return perform("plan", words, debug=debug)
