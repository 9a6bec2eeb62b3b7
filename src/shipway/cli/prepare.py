"""`shipway prepare [ENV] [--ref REF] [--without HOST]`: the half of a deployment that nobody can see."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere, ref, without_as_deploy
from shipway.cli.perform import perform
from shipway.flows.words import PrepareWords


@click.command("prepare")
@environment
@ref
@without_as_deploy
@everywhere
def command(environment: str | None, ref: str | None, without: tuple[str, ...], project: Path, json: bool, debug: bool) -> int:
    """Ship a commit to every host and run its prepare tasks, any time before `deploy`, which then has less to do."""
    words = PrepareWords(project=project, environment=environment, ref=ref, without=without, json=json)
    return perform("prepare", words, debug=debug)
