"""A command in, the same with the words that every command has out: the environment, --json, --debug, --project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from shipway.cli.completing import environments, hosts

F = TypeVar("F", bound=Callable[..., Any])


def everywhere(command: F) -> F:
    """--json, --debug and --project, which mean the same for every command."""
    command = click.option("--debug", is_flag=True, help="Show where in the program an error came from.")(command)
    command = click.option("--json", "json", is_flag=True, help="One object a line: every event, and the verdict last.")(command)
    return click.option(
        "-C",
        "--project",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=Path(),
        help="Where the project is, instead of this directory.",
    )(command)


def environment(command: F) -> F:
    """The argument ENV, which may be left out where there is only one."""
    return click.argument("environment", metavar="[ENV]", required=False, shell_complete=environments)(command)


def without(command: F) -> F:
    """--without, once for each host that is left out of what goes live."""
    says = "Leave this host out: it keeps what it serves, and the exit code is 4 until a deployment without this word reaches it."
    return _without(says)(command)


def without_as_deploy(command: F) -> F:
    """--without of a command that changes nothing that is served."""
    return _without("Leave this host out, as `deploy --without` would: it is not asked for anything.")(command)


def _without(says: str) -> Callable[[F], F]:
    return click.option("--without", metavar="HOST", multiple=True, help=says, shell_complete=hosts)


def ref(command: F) -> F:
    """--ref, which names the commit."""
    return click.option("--ref", metavar="REF", help="A branch, tag or commit; without it HEAD, and the tree must be clean.")(command)


def processes(says: str) -> Callable[[F], F]:
    """--process, once for each process that is meant."""
    return click.option("-p", "--process", "processes", metavar="NAME", multiple=True, help=says)
