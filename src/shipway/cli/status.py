"""`shipway status [ENV]`: what serves on each host, read from the hosts."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import StatusWords


@click.command("status")
@environment
@click.option("--quick", is_flag=True, help="Do not compare the files of the live releases with their manifests.")
@everywhere
def command(environment: str | None, quick: bool, project: Path, json: bool, debug: bool) -> int:
    """What serves on each host, read from the hosts, and what is not as recorded: a dead process, a changed file.

    Ends with 0 when all members serve one release and all is as recorded, else with 4. --json prints one object.
    """
    return perform("status", StatusWords(project=project, environment=environment, quick=quick, json=json), debug=debug, alone="status")
