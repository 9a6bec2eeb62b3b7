"""`shipway abort [ENV] [--lost NAME]`: what an interrupted driver left is undone, unless it is committed."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.completing import hosts
from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import AbortWords


@click.command("abort")
@environment
@click.option(
    "--lost", metavar="NAME", multiple=True, help="This host is gone for ever: decide without it, and write it off.", shell_complete=hosts
)
@everywhere
def command(environment: str | None, lost: tuple[str, ...], project: Path, json: bool, debug: bool) -> int:
    """Undo what an interrupted driver left. What the lead has committed stays, and is named: `rollback` goes back then.

    With --lost for every host that is gone for ever, the others decide without it: what one of them knows to be committed stays,
    all else is undone. All of them must be reached. A host that was written off and comes back follows them by itself.
    """
    return perform("abort", AbortWords(project=project, environment=environment, lost=lost, json=json), debug=debug)
