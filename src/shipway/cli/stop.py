"""`shipway stop [ENV] [--process NAME]`: processes end and stay ended."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere, processes
from shipway.cli.perform import perform
from shipway.flows.words import StopWords


@click.command("stop")
@environment
@processes("Only this process; the others go on.")
@everywhere
def command(environment: str | None, processes: tuple[str, ...], project: Path, json: bool, debug: bool) -> int:
    """End the processes, and have nothing start them again but `start`, `deploy` or `rollback`: no reboot, no supervisor, no doctor.

    Without the process that answers requests, visitors get a page with 503 at once: maintenance.html of the release, beside its static
    files or at its top, else a plain one. Requests that are under way are finished, and workers get their drain_seconds.
    """
    return perform("stop", StopWords(project=project, environment=environment, processes=processes, json=json), debug=debug)
