"""`shipway explain CODE`: what the code of an error means, and what helps."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.completing import codes
from shipway.cli.options import everywhere
from shipway.cli.perform import perform
from shipway.flows.words import ExplainWords


@click.command("explain")
@click.argument("error", metavar="CODE", shell_complete=codes)
@everywhere
def command(error: str, project: Path, json: bool, debug: bool) -> int:
    """What an error means and what helps. CODE stands on the last line of the error, and in `data.code` with --json.

    No host is asked, and no project is needed.
    """
    return perform("explain", ExplainWords(project=project, error=error, json=json), debug=debug)
