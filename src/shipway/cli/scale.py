"""`shipway scale [ENV] NAME=NUMBER...`: other numbers of copies."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import everywhere
from shipway.cli.perform import perform
from shipway.flows.words import ScaleWords


@click.command("scale")
@click.argument("words", metavar="[ENV] NAME=NUMBER...", nargs=-1, required=True)
@everywhere
def command(words: tuple[str, ...], project: Path, json: bool, debug: bool) -> int:
    """Run NUMBER copies of the process NAME on each host that has it. NAME=file gives back what shipway.toml says.

    Only copies that are missing start, and those that are too many finish what they do. It holds for later deployments and rollbacks
    too, until shipway.toml says another number than it does now.
    """
    environment = None if "=" in words[0] else words[0]
    settings = words if environment is None else words[1:]
    return perform("scale", ScaleWords(project=project, environment=environment, settings=settings, json=json), debug=debug)
