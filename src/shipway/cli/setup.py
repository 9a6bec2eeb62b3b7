"""`shipway setup [ENV]`: hosts are made ready for the user that deploys. With `host add` the only command that may use root."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from shipway.cli.completing import hosts
from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import SetupWords

F = TypeVar("F", bound=Callable[..., Any])


def as_root(command: F) -> F:
    """--login and --key, for those commands that may use root."""
    command = click.option(
        "--key",
        metavar="FILE",
        multiple=True,
        help="Public keys that may log in as the deploying user, instead of the key that logs in now.",
    )(command)
    return click.option(
        "--login",
        metavar="USER",
        default="root",
        help="Log in as this user, root or one who may use sudo without a password. Default: root.",
    )(command)


@click.command("setup")
@environment
@click.option("--host", metavar="NAME", multiple=True, help="Only this host.", shell_complete=hosts)
@as_root
@click.option("--dry-run", is_flag=True, help="Tell what would be made, and make nothing.")
@everywhere
def command(
    environment: str | None,
    host: tuple[str, ...],
    login: str,
    key: tuple[str, ...],
    dry_run: bool,
    project: Path,
    json: bool,
    debug: bool,
) -> int:
    """Make the hosts of ENV ready: python3, the user that deploys, its key, its start after a reboot, ports 80 and 443 for its proxy.

    Logs in as root, or as --login USER with sudo. What is there already stays as it is; a second run changes nothing.
    """
    words = SetupWords(project=project, environment=environment, login=login, host=host, key=key, dry_run=dry_run, json=json)
    return perform("setup", words, debug=debug)
