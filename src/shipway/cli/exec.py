"""`shipway exec [ENV] -- COMMAND`: a command in the release that serves."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.cli.streams import OwnStreams, own_terminal
from shipway.flows.words import ExecWords


class _BehindDashes(click.Command):
    """What stands behind `--` is the command as it is, so that ENV before it may be left out as everywhere."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" not in args:
            return super().parse_args(ctx, args)
        at = args.index("--")
        ctx.meta[BEHIND] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])


BEHIND = "shipway.cli.exec"


@click.command("exec", cls=_BehindDashes)
@click.option("--host", "hosts", metavar="HOST", multiple=True, help="On this host; without it on the first that has the process.")
@click.option("--all", "all_hosts", is_flag=True, help="On every host at once, line by line, with nothing on its stdin.")
@click.option("-p", "--process", metavar="NAME", help="With the environment of this process too, where it runs.")
@click.option("-T", "--no-terminal", is_flag=True, help="No terminal for the command, though you are on one.")
@everywhere
@environment
@click.argument("argv", metavar="-- COMMAND...", nargs=-1)
@click.pass_context
def command(
    ctx: click.Context,
    environment: str | None,
    argv: tuple[str, ...],
    hosts: tuple[str, ...],
    all_hosts: bool,
    process: str | None,
    no_terminal: bool,
    project: Path,
    json: bool,
    debug: bool,
) -> int:
    """Run COMMAND in the root of the live release, with its environment, and end with its exit code.

    It runs without a shell; `-- sh -c '...'` has one. What it leaves in the background is ended with it, and it ends with your connection.
    """
    if BEHIND in ctx.meta and argv:
        raise click.UsageError(f"{' '.join(argv)!r} stands before --, where only ENV and options may")
    argv = ctx.meta.get(BEHIND, argv)
    if not argv:
        raise click.UsageError("no command; it stands behind --, as in: shipway exec ENV -- printenv RELEASE")
    single = not (json or all_hosts or len(hosts) > 1)
    terminal = own_terminal() if single and not no_terminal else None
    words = ExecWords(
        project=project,
        environment=environment,
        command=argv,
        hosts=hosts,
        process=process,
        everywhere=all_hosts,
        streams=OwnStreams(terminal) if single else None,
        json=json,
    )
    return perform("exec", words, debug=debug)
