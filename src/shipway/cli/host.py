"""`shipway host add ENV ADDRESS`, `shipway host remove ENV NAME`: a host joins its environment, and leaves it."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.completing import environments, hosts
from shipway.cli.options import everywhere
from shipway.cli.perform import perform
from shipway.cli.setup import as_root
from shipway.flows.words import HostAddWords, HostRemoveWords


@click.group("host")
def command() -> None:
    """The hosts of an environment: one more is made ready and brought up; one that leaves takes its leave first."""


@command.command("add")
@click.argument("environment", metavar="ENV", shell_complete=environments)
@click.argument("address", metavar="ADDRESS")
@click.option("--name", metavar="NAME", help="What it is called. Default: the host part of its address.")
@click.option("--roles", metavar="ROLE,…", multiple=True, help="Which processes and tasks it runs. Default: all of them.")
@as_root
@everywhere
def add(
    environment: str,
    address: str,
    name: str | None,
    roles: tuple[str, ...],
    login: str,
    key: tuple[str, ...],
    project: Path,
    json: bool,
    debug: bool,
) -> int:
    """Take the host at ADDRESS (deploy@10.0.0.2) into ENV: set up, brought to the release that serves, and written into shipway.toml.

    The others go on with the release that they have. When it fails, shipway.toml is as it was.
    """
    words = HostAddWords(
        project=project,
        environment=environment,
        address=address,
        name=name,
        roles=tuple(role for some in roles for role in some.split(",") if role),
        login=login,
        key=key,
        json=json,
    )
    return perform("host add", words, debug=debug)


@command.command("remove")
@click.argument("environment", metavar="ENV", shell_complete=environments)
@click.argument("host", metavar="NAME", shell_complete=hosts)
@click.option("--lost", is_flag=True, help="It is gone for ever and cannot be reached: write it off.")
@click.option("--with-shared", is_flag=True, help="Remove its shared paths too. Nothing brings them back.")
@everywhere
def remove(environment: str, host: str, lost: bool, with_shared: bool, project: Path, json: bool, debug: bool) -> int:
    """Take NAME out of ENV: its processes are drained and stopped, releases and routes removed, and the others record that it left.

    Works before and after the host was deleted from shipway.toml: its members remember where it is. The others go on serving.
    """
    words = HostRemoveWords(project=project, environment=environment, host=host, lost=lost, with_shared=with_shared, json=json)
    return perform("host remove", words, debug=debug)
