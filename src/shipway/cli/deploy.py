"""`shipway deploy [ENV] [--ref REF] [--without HOST]`: a commit live on every host, or undone on every host."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere, ref, without
from shipway.cli.perform import perform
from shipway.flows.words import DeployWords


@click.command("deploy")
@environment
@ref
@without
@everywhere
def command(environment: str | None, ref: str | None, without: tuple[str, ...], project: Path, json: bool, debug: bool) -> int:
    """Take a commit live on every host, or undo it on every host.

    What is shipped is a commit, never the working tree. It is prepared on all hosts, started beside what serves, then all hosts
    switch at once and prove it. Whatever fails on the way is undone everywhere; the exit code is the verdict.
    """
    words = DeployWords(project=project, environment=environment, ref=ref, without=without, json=json)
    return perform("deploy", words, debug=debug)
