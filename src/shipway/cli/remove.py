"""`shipway remove ENV`: the application is taken off its hosts; what is shared stays unless told otherwise."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from shipway.cli.completing import environments
from shipway.cli.options import everywhere
from shipway.cli.perform import perform
from shipway.flows.words import RemoveWords


@click.command("remove")
@click.argument("environment", metavar="ENV", shell_complete=environments)
@click.option("--shared", is_flag=True, help="Remove the shared paths too. Nothing brings them back.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked.")
@everywhere
def command(environment: str, shared: bool, yes: bool, project: Path, json: bool, debug: bool) -> int:
    """Take the application off the hosts of ENV: processes are drained and stopped, releases and routes removed."""
    if not yes:
        _ask(environment, shared)
    return perform("remove", RemoveWords(project=project, environment=environment, shared=shared, json=json), debug=debug)


def _ask(environment: str, shared: bool) -> None:
    what = f"everything of {environment}, shared paths included" if shared else f"{environment} (what is shared is kept)"
    if not sys.stdin.isatty():
        raise click.UsageError(f"remove takes {what} off its hosts; nobody can be asked here, so say --yes")
    typed = click.prompt(f"This takes {what} off its hosts. Type {environment} to go on", default="", show_default=False)
    if typed != environment:
        raise click.exceptions.Abort
