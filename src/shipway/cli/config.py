"""`shipway config [ENV] [NAME]`: what the application finds in its environment, and where each value comes from."""

from __future__ import annotations

import re
from pathlib import Path

import click

from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import ConfigWords

NAMES_A_VARIABLE = r"[A-Z_][A-Z0-9_]*|(process|task)\..+"
"""A single argument of this form is no environment: their names have no capitals."""


@click.command("config")
@environment
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--live", is_flag=True, help="Ask the hosts, and say what differs from what they serve.")
@everywhere
def command(environment: str | None, name: str | None, live: bool, project: Path, json: bool, debug: bool) -> int:
    """What processes and tasks find in their environment if HEAD is shipped, and where each value comes from.

    Secrets are not shown: a fingerprint tells whether two are the same, in this checkout only. Ends with 1 when one cannot be had.
    Without --live no host is asked. NAME is a variable, or process.NAME.VARIABLE for that of one process.
    """
    if name is None and environment is not None and re.fullmatch(NAMES_A_VARIABLE, environment):
        environment, name = None, environment
    return perform("config", ConfigWords(project=project, environment=environment, name=name, live=live, json=json), debug=debug)
