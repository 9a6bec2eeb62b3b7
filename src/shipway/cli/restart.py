"""`shipway restart [ENV] [--process NAME] [--host HOST]`: the same release in new processes."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.completing import hosts
from shipway.cli.options import environment, everywhere, processes
from shipway.cli.perform import perform
from shipway.flows.words import RestartWords


@click.command("restart")
@environment
@processes("Only this process; the others go on.")
@click.option("--host", "hosts", metavar="HOST", multiple=True, help="Only on this host; on the others all goes on.", shell_complete=hosts)
@everywhere
def command(environment: str | None, processes: tuple[str, ...], hosts: tuple[str, ...], project: Path, json: bool, debug: bool) -> int:
    """Start the release that serves anew, with the same configuration, and let no request fail.

    New processes start beside the old ones and must prove themselves before these end, as in a deployment; else all stays as it was.
    """
    words = RestartWords(project=project, environment=environment, processes=processes, hosts=hosts, json=json)
    return perform("restart", words, debug=debug)
