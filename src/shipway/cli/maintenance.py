"""`shipway maintenance [on | off] [ENV]`: visitors get a page, or wait; or how it stands."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import everywhere
from shipway.cli.perform import perform
from shipway.flows.words import MaintenanceOffWords, MaintenanceOnWords, MaintenanceWords

ACTIONS = ("on", "off")


@click.command("maintenance")
@click.argument("words", metavar="[on | off] [ENV]", nargs=-1)
@click.option("--hold", is_flag=True, help="Hold requests instead of showing a page, and serve them all at `off`.")
@click.option("--hold-seconds", metavar="N", type=int, default=30, help="How long at most one is held: 5, 10, 30, 60, 120 or 300.")
@click.option("--message", metavar="TEXT", default="", help="What the page says.")
@click.option(
    "--page",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A page of your own, with all that it needs in it.",
)
@everywhere
def command(
    words: tuple[str, ...],
    hold: bool,
    hold_seconds: int,
    message: str,
    page: Path | None,
    project: Path,
    json: bool,
    debug: bool,
) -> int:
    """Keep visitors out while everything runs on, on every host or on none; without on or off, say how it stands.

    The page is answered with 503 and Retry-After: --page, else one with --message on it, else maintenance.html of the release (beside
    its static files or at its top), else a plain one. Deployments work as always and leave it on; their own probes pass.
    """
    action, environment = _meant(words)
    if action is None and (hold or message or page is not None):
        raise click.UsageError("--hold, --message and --page are about `maintenance on`")
    if action == "off" and (hold or message or page is not None):
        raise click.UsageError("`maintenance off` takes none of --hold, --message and --page")
    if action == "on":
        on = MaintenanceOnWords(
            project=project, environment=environment, hold=hold, hold_seconds=hold_seconds, message=message, page=page, json=json
        )
        return perform("maintenance on", on, debug=debug)
    if action == "off":
        return perform("maintenance off", MaintenanceOffWords(project=project, environment=environment, json=json), debug=debug)
    return perform("maintenance", MaintenanceWords(project=project, environment=environment, json=json), debug=debug)


def _meant(words: tuple[str, ...]) -> tuple[str | None, str | None]:
    """`on` or `off`, and the environment; None for what was left out."""
    action = next((word for word in words if word in ACTIONS), None)
    rest = [word for word in words if word != action]
    if len(rest) > 1:
        raise click.UsageError(f"one environment is meant, and there are {' and '.join(rest)}")
    return action, rest[0] if rest else None
