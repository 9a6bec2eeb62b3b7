"""`shipway verify ENV RELEASE`: yes only if every member proves that it serves the release."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.completing import environments, releases
from shipway.cli.options import everywhere
from shipway.cli.perform import perform
from shipway.flows.words import VerifyWords


@click.command("verify")
@click.argument("environment", metavar="ENV", shell_complete=environments)
@click.argument("release", metavar="RELEASE", shell_complete=releases)
@everywhere
def command(environment: str, release: str, project: Path, json: bool, debug: bool) -> int:
    """Whether every member of ENV proves that it serves RELEASE: 0 is yes, 1 is no, 4 is that a host cannot be asked.

    RELEASE is a version, a generation's number, or the beginning of a release's digest or of a commit.
    """
    return perform("verify", VerifyWords(project=project, environment=environment, release=release, json=json), debug=debug)
