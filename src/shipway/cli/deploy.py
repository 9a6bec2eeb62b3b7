"""`shipway deploy [ENV] [--ref REF]`: a commit live on every host, or undone on every host."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere, ref
from shipway.cli.perform import perform
from shipway.flows.words import DeployWords


@click.command("deploy")
@environment
@ref
@everywhere
def command(environment: str | None, ref: str | None, project: Path, json: bool, debug: bool) -> int:
    """Take a commit live on every host, or undo it on every host.

    What is shipped is a commit, never the working tree. It is prepared on all hosts, started beside what serves, then all hosts
    switch at once and prove it. Whatever fails on the way is undone everywhere; the exit code is the verdict.
    """
    return perform("deploy", DeployWords(project=project, environment=environment, ref=ref, json=json), debug=debug)
