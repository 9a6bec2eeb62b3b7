"""`shipway console [ENV]`: a shell in the release that serves."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.cli.streams import OwnStreams, own_terminal
from shipway.flows.words import ExecWords

SHELL = ("/bin/sh", "-c", 'exec "$(command -v bash || command -v sh)" -i')


@click.command("console")
@environment
@click.option("--host", metavar="HOST", help="On this host; without it on the first that has the process.")
@click.option("-p", "--process", metavar="NAME", help="With the environment of this process too, where it runs.")
@everywhere
def command(environment: str | None, host: str | None, process: str | None, project: Path, json: bool, debug: bool) -> int:
    """Open a shell (bash where the host has it) in the root of the live release, with its environment. It ends with the shell's exit code.

    Another program in its place: `shipway exec ENV -- python3 manage.py shell`.
    """
    terminal = own_terminal()
    if terminal is None or json:
        raise click.UsageError("a console needs a terminal; shipway exec ENV -- COMMAND does without")
    words = ExecWords(
        project=project,
        environment=environment,
        command=SHELL,
        hosts=(host,) if host else (),
        process=process,
        streams=OwnStreams(terminal),
    )
    return perform("exec", words, debug=debug)
