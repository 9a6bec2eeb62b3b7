"""`shipway attach [ENV] [DEPLOYMENT]`: watch a deployment from any machine."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.completing import deployments
from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import AttachWords


@click.command("attach")
@environment
@click.argument("deployment", metavar="[DEPLOYMENT]", required=False, shell_complete=deployments)
@everywhere
def command(environment: str | None, deployment: str | None, project: Path, json: bool, debug: bool) -> int:
    """Watch a deployment that another driver runs, or that the hosts settle by themselves.

    DEPLOYMENT is an id, the beginning of one or its number; without it the one that goes on, else the last. Ends when it is settled, with
    its exit code: 0 live, 1 undone, 4 not settled. Ctrl-C ends the watching and touches nothing.
    """
    return perform("attach", AttachWords(project=project, environment=environment, deployment=deployment, json=json), debug=debug)
