"""`shipway release [ENV] [COMMIT]`: what was reverted may be deployed again."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import ReleaseWords


@click.command("release")
@environment
@click.argument("commit", required=False)
@everywhere
def command(environment: str | None, commit: str | None, project: Path, json: bool, debug: bool) -> int:
    """Let what was reverted be deployed to ENV again: all of it, or COMMIT. No process is touched.

    After a revert, `deploy` refuses each commit that contains the one that was left, so that nobody ships it again by accident.
    """
    words = ReleaseWords(project=project, environment=environment, commit=commit, json=json)
    return perform("release", words, debug=debug)
