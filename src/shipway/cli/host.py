"""`shipway host remove ENV NAME`: a host leaves its environment."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.completing import environments, hosts
from shipway.cli.options import everywhere
from shipway.cli.perform import perform
from shipway.flows.words import HostRemoveWords


@click.group("host")
def command() -> None:
    """The hosts of an environment: one that leaves takes its leave first."""


@command.command("remove")
@click.argument("environment", metavar="ENV", shell_complete=environments)
@click.argument("host", metavar="NAME", shell_complete=hosts)
@click.option("--lost", is_flag=True, help="It is gone for ever and cannot be reached: write it off.")
@click.option("--with-shared", is_flag=True, help="Remove its shared paths too. Nothing brings them back.")
@everywhere
def remove(environment: str, host: str, lost: bool, with_shared: bool, project: Path, json: bool, debug: bool) -> int:
    """Take NAME out of ENV: its processes are drained and stopped, releases and routes removed, and the others record that it left.

    Works before and after the host was deleted from shipway.toml: its members remember where it is. The others go on serving.
    """
    words = HostRemoveWords(project=project, environment=environment, host=host, lost=lost, with_shared=with_shared, json=json)
    return perform("host remove", words, debug=debug)
