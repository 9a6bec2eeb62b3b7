"""`shipway revert [ENV] [RELEASE|@previous|TIME|REPORT.json] [--soft|--hard] [--check] [--yes]`: an earlier state current again."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.completing import releases
from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import RevertWords


@click.command("revert")
@environment
@click.argument("state", default="@previous", metavar="[STATE]", shell_complete=releases)
@click.option("--soft", is_flag=True, help="Code, configuration and schema; rows stay. The default where that can be.")
@click.option(
    "--hard", is_flag=True, help="Data too, from the restore point of that time: what was written since is lost to the application."
)
@click.option("--check", is_flag=True, help="Start it beside a copy of today's data, on one host, and take both away again: exit 0 or 1.")
@click.option("--yes", is_flag=True, help="Do it. Without this nothing is touched: it says what would be done and lost.")
@everywhere
def command(
    environment: str | None, state: str, soft: bool, hard: bool, check: bool, yes: bool, project: Path, json: bool, debug: bool
) -> int:
    """Make an earlier state of ENV current again: code, configuration and schema in one transaction, and with --hard the data.

    STATE is what `rollback` takes, a time (2026-11-30T08:15, UTC, or 2h for two hours ago), or the report of a deployment, which is
    undone. Migrations since then are taken back by the code that has them, while requests wait; one that cannot be taken back is named,
    and so is the restore point that --hard would bring back, its age and the rows that would be lost.

    A revert is an entry of the history and can be reverted. What it leaves is held back from `deploy` until `shipway release`.
    """
    alone = environment is not None and (environment.startswith("@") or environment.endswith(".json"))
    where, target = (None, str(environment)) if alone else (environment, state)
    words = RevertWords(project=project, environment=where, target=target, soft=soft, hard=hard, check=check, yes=yes, json=json)
    return perform("revert", words, debug=debug)
