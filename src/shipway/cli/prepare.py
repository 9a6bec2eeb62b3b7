"""`shipway prepare [ENV] [--ref REF]`: the half of a deployment that nobody can see."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere, ref
from shipway.cli.perform import perform
from shipway.flows.words import PrepareWords


@click.command("prepare")
@environment
@ref
@everywhere
def command(environment: str | None, ref: str | None, project: Path, json: bool, debug: bool) -> int:
    """Ship a commit to every host and run its prepare tasks, any time before `deploy`, which then has less to do."""
    return perform("prepare", PrepareWords(project=project, environment=environment, ref=ref, json=json), debug=debug)
