"""`shipway init`: what is committed is looked at, and a shipway.toml that works as it is is written."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from shipway.cli.options import everywhere
from shipway.cli.perform import perform
from shipway.flows.words import InitWords
from shipway_agent.record import replace


@click.command("init")
@click.option("--app", metavar="NAME", help="What the application is called; it names its directory on hosts.")
@click.option("--run", metavar="CMD", help="What `web` runs, where what is recognised is not it. It listens on $PORT, or on $SOCKET.")
@click.option("--health", metavar="PATH", help="The page that answers 200 when the application is well.")
@click.option("--host", metavar="ADDRESS", multiple=True, help="A host, as ssh knows it; again for each. None is this machine.")
@click.option("--env", metavar="NAME", help="What the environment is called: production, or local without a host.")
@click.option("--domain", metavar="NAME", multiple=True, help="A name that the proxy answers to; again for each. None is any.")
@click.option("--yes", is_flag=True, help="Ask nothing: what is recognised and said here is written.")
@click.option("--force", is_flag=True, help="Write over a shipway.toml that is there; it is kept in .shipway/replaced.")
@click.option("--dry-run", is_flag=True, help="Print the file instead of writing it.")
@everywhere
def command(
    app: str | None,
    run: str | None,
    health: str | None,
    host: tuple[str, ...],
    env: str | None,
    domain: tuple[str, ...],
    yes: bool,
    force: bool,
    dry_run: bool,
    project: Path,
    json: bool,
    debug: bool,
) -> int:
    """Look at what is committed in this directory, say what it is and why, and write a commented shipway.toml that works as it is.

    On a terminal it asks, with what it recognised as the answer to each question; elsewhere, and with --yes, it asks nothing.
    """
    words = InitWords(
        project=project, app=app, run=run, health=health, host=host, env=env, domain=domain, force=force, dry_run=dry_run, json=json
    )
    if not yes and not json and not dry_run and is_terminal():
        words = _asked(words)
    return perform("init", words, debug=debug)


def is_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _asked(words: InitWords) -> InitWords:
    """The words, with what a person answered; each question says what the answer changes. Faults are left to the flow to tell."""
    from shipway.flows.init import look
    from shipway.model.errors import ShipwayError

    try:
        found = look(words).found
    except ShipwayError:
        return words
    if found is None:
        click.echo("Nothing here tells how the application is run.")
        return replace(words, run=_answer("The command that serves it, on $PORT or on $SOCKET", "--run", None))
    click.echo(f"This is {found.kind}:")
    for one in found.assumptions:
        click.echo(f"  {one.sentence}")
    click.echo()
    if words.app is None:
        words = replace(words, app=_answer("What it is called (names its directory on hosts)", "--app", found.shipment.app))
    web = next((one for one in found.shipment.processes if one.name == "web"), None)
    if web is not None and words.run is None and isinstance(web.run, str):
        run = _answer("What web runs (on $PORT or on $SOCKET)", "--run", web.run)
        words = replace(words, run=run if run != web.run else None)
    if web is not None and words.health is None and web.health is not None:
        page = _answer("The page that tells its health (a new release that fails there never serves)", "--health", web.health.page.path)
        words = replace(words, health=page if page != web.health.page.path else None)
    if not words.host:
        words = _asked_where(words)
    return words


def _asked_where(words: InitWords) -> InitWords:
    said = click.prompt("Its hosts, as ssh knows them, with blanks between (local: this machine, to try it)", default="local")
    hosts = tuple(said.replace(",", " ").split())
    words = replace(words, host=() if hosts == ("local",) else hosts)
    if not words.host:
        return words
    if words.env is None:
        words = replace(words, env=_answer("What these hosts are together (an environment)", "--env", "production"))
    if not words.domain:
        domains = click.prompt("Its domains, with blanks between (none: whatever name is asked for)", default="", show_default=False)
        words = replace(words, domain=tuple(domains.replace(",", " ").split()))
    return words


def _answer(question: str, option: str, default: str | None) -> str:
    """Asked until shipway.toml takes the answer."""
    from shipway.config.answers import fault

    def read(answer: str) -> str:
        wrong = fault(option, answer)
        if wrong is not None:
            raise click.UsageError(wrong.removeprefix(f"{option} "))
        return answer

    answer: str = click.prompt(question, default=default, value_proc=read)
    return answer
