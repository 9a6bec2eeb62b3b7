"""argv in, the exit code of the command that it names out. Faults of the command line end as every error does: with what to type next."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

import click
from click.shell_completion import CompletionItem

from shipway import __version__
from shipway.cli.screen import Screen
from shipway.model.verdict import Verdict

COMMANDS: Mapping[str, str] = {
    "init": "Look at what is committed here, and write a shipway.toml for it.",
    "setup": "Make hosts ready for the user that deploys; the only command that may use root.",
    "deploy": "Take a commit live on every host, or undo it on every host.",
    "prepare": "Do the half of a deployment that nobody can see.",
    "rollback": "Make an earlier generation current again.",
    "revert": "Make an earlier state current again, schema and data too; without --yes, what that would do and lose.",
    "release": "Let what was reverted be deployed again.",
    "restart": "Start what serves anew, without a failed request.",
    "scale": "Run another number of copies of a process.",
    "stop": "End processes, and keep them ended.",
    "start": "Bring back what was stopped.",
    "maintenance": "Keep visitors out, or waiting, and let them in again.",
    "attach": "Watch a deployment that another driver runs, or the hosts by themselves.",
    "resume": "Settle what an interrupted driver left.",
    "abort": "Undo what an interrupted driver left.",
    "status": "What serves on each host, read from the hosts.",
    "doctor": "What stands in the way of a deployment, here and on each host, and what mends it.",
    "logs": "What processes write, on every host.",
    "exec": "Run a command in the release that serves.",
    "console": "A shell in the release that serves.",
    "plan": "What a deployment would do and change.",
    "config": "What the application finds in its environment, and where each value comes from.",
    "secrets set": "Encrypt a value that only the application may know, in the checkout.",
    "secrets list": "The encrypted values of an environment: since when, by whom, never what.",
    "secrets rm": "Take an encrypted value away.",
    "secrets keygen": "Make a key of your own.",
    "secrets recipients add": "Let somebody open the secrets of an environment.",
    "secrets recipients rm": "Let somebody open them no longer.",
    "secrets recipients list": "Who can open them.",
    "data backup": "Take a restore point of what must not be lost.",
    "data list": "The restore points that there are, and what each holds.",
    "data verify": "Whether a restore point can be read back, or restored.",
    "data send": "Send the copies that lack in other places now.",
    "data fetch": "Bring a restore point back from a copy in another place.",
    "data export": "A masked copy of a restore point, as a file on this machine, to develop with.",
    "data restore": "Put a restore point in the place of what is there; without --yes, what that would lose.",
    "data migrate": "Run migrations that waited for the release before to be gone.",
    "data settle": "Say how a migration ended of which nobody knows.",
    "history": "The deployments that are remembered.",
    "show": "One deployment, step by step.",
    "verify": "Whether every host proves that it serves a release.",
    "remove": "Take the application off its hosts.",
    "host add": "Take one more host into an environment, up to the release that serves.",
    "host remove": "Take one host out of its environment.",
    "explain": "What the code of an error means, and what helps.",
    "self-check": "Whether this installation is whole and finds what it needs.",
    "completion": "The script that completes words in a shell.",
}
"""What there is to type. Two words are a command of a group; the file is named by the first."""

WORDS = tuple(dict.fromkeys(name.split()[0] for name in COMMANDS))


class Commands(click.Group):
    """The group `shipway`: knows its commands by name and imports only the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(WORDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in WORDS:
            return None
        found: click.Command = importlib.import_module(f"shipway.cli.{cmd_name.replace('-', '_')}").command
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in WORDS and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command {args[0]!r}{_nearest(args[0])}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """The names of commands from the table, so that a shell need not wait for all of them to be imported."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(word, help=_says(word)) for word in WORDS if word.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


EPILOG = "SHIPWAY_PLAIN=1 makes a terminal get plain lines instead of a live table, for screen readers; NO_COLOR=1 takes the colours away."


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="shipway %(version)s")
def shipway() -> None:
    """Takes a git commit live on one host or many without failing a request, and brings any earlier state back."""


def run(argv: Sequence[str]) -> int:
    """Run the command and answer its exit code. Prints every fault of the command line with what to type next."""
    try:
        code = shipway.main(list(argv), prog_name="shipway", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        return _faulty(error, argv)
    except click.exceptions.Abort:
        return _say(Verdict("refused", 3, "interrupted before anything began; nothing was touched"), argv)
    return code if isinstance(code, int) else 0


def _faulty(error: click.ClickException, argv: Sequence[str]) -> int:
    ctx = getattr(error, "ctx", None)
    command = ctx.command_path if ctx is not None else "shipway"
    message = error.format_message().rstrip(".")
    return _say(Verdict("refused", 2, f"{message}; nothing was touched", f"{command} --help"), argv)


def _say(verdict: Verdict, argv: Sequence[str]) -> int:
    with Screen(json="--json" in argv) as screen:
        screen.verdict(verdict)
    return verdict.exit_code


def _says(word: str) -> str:
    """What a command does in a few words; a group of commands names them."""
    return COMMANDS.get(word) or ", ".join(name for name in COMMANDS if name.startswith(f"{word} "))


def _nearest(word: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, WORDS, n=1)
    return f"; the nearest is {near[0]}" if near else ""
