"""`shipway self-check`: whether this installation is whole and finds what it needs."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import everywhere
from shipway.cli.perform import perform
from shipway.flows.words import SelfCheckWords


@click.command("self-check")
@everywhere
def command(project: Path, json: bool, debug: bool) -> int:
    """Whether this installation is whole: its version, Python, git and ssh, the agent as it travels to hosts, and every file of its wheel.

    Ends with 0 when all is good and with 1 when something is not. No host is asked, and no project is needed.
    """
    return perform("self-check", SelfCheckWords(project=project, json=json), debug=debug)
