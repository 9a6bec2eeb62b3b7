"""`shipway rollback [ENV] [RELEASE] [--without HOST]`: an earlier generation current again."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.completing import releases
from shipway.cli.options import environment, everywhere, without
from shipway.cli.perform import perform
from shipway.flows.words import RollbackWords


@click.command("rollback")
@environment
@click.argument("release", default="@previous", metavar="[RELEASE]", shell_complete=releases)
@without
@everywhere
def command(environment: str | None, release: str, without: tuple[str, ...], project: Path, json: bool, debug: bool) -> int:
    """Make an earlier generation current again, with its own configuration. Nothing is built or sent.

    RELEASE is @previous, a generation's number, a version, or the beginning of a release's digest or of a commit. Without it,
    @previous: what was live before what is now, where a repair of the same content does not count; so a rollback of a rollback goes
    forward again.
    """
    where, target = (None, environment) if environment is not None and environment.startswith("@") else (environment, release)
    words = RollbackWords(project=project, environment=where, target=target, without=without, json=json)
    return perform("rollback", words, debug=debug)
