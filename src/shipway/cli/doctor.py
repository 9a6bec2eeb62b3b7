"""`shipway doctor [ENV] [--fix]`: what stands in the way of a deployment, here and on each host."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import DoctorWords


@click.command("doctor")
@environment
@click.option(
    "--fix",
    is_flag=True,
    help="Do what is safe: start a supervisor, have it start after a reboot, settle what a driver left. Then look again.",
)
@everywhere
def command(environment: str | None, fix: bool, project: Path, json: bool, debug: bool) -> int:
    """Everything that a deployment needs, on this machine and on each host: what is wrong, why, and the command that mends it.

    Nothing is touched without --fix. Ends with 0 when nothing is wrong, 1 when something is, 4 when a host cannot be asked.
    """
    return perform("doctor", DoctorWords(project=project, environment=environment, fix=fix, json=json), debug=debug)
