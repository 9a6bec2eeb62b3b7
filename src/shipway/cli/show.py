"""`shipway show [ENV] [DEPLOYMENT] [--html [FILE]]`: one deployment, step by step."""

from __future__ import annotations

import re
from pathlib import Path

import click

from shipway.cli.completing import deployments
from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import ShowWords

NAMES_A_DEPLOYMENT = r"@.*|[0-9]+(-[0-9a-f]+)?|try-[0-9a-f-]+"
"""A single argument of this form is no environment."""


@click.command("show")
@environment
@click.argument("deployment", default="@last", metavar="[DEPLOYMENT]", shell_complete=deployments)
@click.option("--html", metavar="[FILE]", is_flag=False, flag_value="", help="Write its page, to FILE or beside its report.")
@everywhere
def command(environment: str | None, deployment: str, html: str | None, project: Path, json: bool, debug: bool) -> int:
    """One deployment on a page: its timeline, and every step of every host with its seconds.

    DEPLOYMENT is an id, the beginning of one, a generation's number, or @last. Say --html last: a word behind it is its FILE.
    """
    named = environment is not None and re.fullmatch(NAMES_A_DEPLOYMENT, environment)
    where, which = (None, environment or "") if named else (environment, deployment)
    words = ShowWords(project=project, environment=where, deployment=which, html=html, json=json)
    return perform("show", words, debug=debug)
