"""The command line as click knows it in, the page docs/reference/commands.md out: every command with its arguments, options and words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from shipway.cli.commands import COMMANDS, EPILOG, shipway


def page() -> str:
    """The text of docs/reference/commands.md."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield from ("# Commands", "", "`ENV` may be left out where shipway.toml has one environment. " + EPILOG, "")
    yield from ("| command | what it does |", "|---|---|")
    yield from (f"| [`shipway {name}`](#{_anchor(name)}) | {says} |" for name, says in COMMANDS.items())
    yield ""
    yield "Every command has these four: `-C, --project DIRECTORY` says where the project is, `--json` prints one object a line and the"
    yield "verdict last, `--debug` shows where in the program an error came from, `--help` prints what stands here."
    for name in COMMANDS:
        yield from _command(name)


def _command(name: str) -> Iterator[str]:
    command = _find(name)
    yield from ("", f"## {name}", "", f"`shipway {name}{_usage(command)}`", "")
    yield _text(command.help or "")
    options = [one for one in command.params if isinstance(one, click.Option) and one.name not in ("json", "debug", "project", "help")]
    if options:
        yield from ("", "| option | meaning |", "|---|---|")
        yield from (f"| `{_option(one)}` | {(one.help or '').replace('|', chr(92) + '|')}{_default(one)} |" for one in options)


def _find(name: str) -> click.Command:
    found: click.Command = shipway
    for word in name.split():
        assert isinstance(found, click.Group)
        command = found.get_command(click.Context(found), word)
        assert command is not None, name
        found = command
    return found


def _usage(command: click.Command) -> str:
    pieces = command.collect_usage_pieces(click.Context(command))
    return "".join(f" {piece}" for piece in pieces if piece != "[OPTIONS]")


def _option(option: click.Option) -> str:
    words = ", ".join(option.opts)
    return words if option.is_flag else f"{words} {option.metavar or option.make_metavar(click.Context(click.Command('shipway')))}"


def _default(option: click.Option) -> str:
    shown = option.default if isinstance(option.default, int | float) and not isinstance(option.default, bool) else None
    return f" Default: {shown}." if shown is not None and not option.is_flag else ""


def _text(help: str) -> str:
    """The words of --help as paragraphs; what stands behind \\b keeps its lines."""
    told = []
    for paragraph in inspect.cleandoc(help).split("\n\n"):
        if paragraph.startswith("\b\n"):
            told.append("```text\n" + paragraph.removeprefix("\b\n") + "\n```")
        else:
            told.append(re.sub(r"\s+", " ", paragraph))
    return "\n\n".join(told)


def _anchor(name: str) -> str:
    return name.replace(" ", "-")
