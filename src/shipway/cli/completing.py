"""Half a word in, the words it may become out: environments and hosts of shipway.toml, deployments and releases of the ledger here.

Nothing is asked of a host or of git, nothing is written, and what cannot be read completes to nothing: a person's prompt sees no error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

VARIABLE = "_SHIPWAY_COMPLETE"
"""What the scripts of the shells set, to `bash_complete` and the like."""

PLAIN = re.compile(r"[A-Za-z0-9@_][A-Za-z0-9@._+/-]*")
"""Only such words are offered: a shell puts them on the command line as they are, and a version from elsewhere may be any text."""

SHELLS = ("bash", "zsh", "fish")


def complete(cli: click.Command) -> int:
    """Answer the shell that asks through VARIABLE, on stdout. Whatever goes wrong, nothing else is said."""
    from click.shell_completion import shell_complete

    try:
        return shell_complete(cli, {}, "shipway", VARIABLE, os.environ.get(VARIABLE, ""))
    except Exception:
        return 1


def environments(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The environments of shipway.toml as it lies there."""
    return _items(((name, "") for name in _environments(ctx)), incomplete)


def hosts(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The hosts of the environment that was typed, or of the only one."""
    found = _environments(ctx).get(_environment(ctx), {})
    listed = found.get("hosts") if isinstance(found, Mapping) else None
    named = [host for host in listed if isinstance(host, Mapping)] if isinstance(listed, list) else []
    return _items(((str(host.get("name", "")), str(host.get("address", ""))) for host in named), incomplete)


def deployments(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """@last, and the deployments of the environment that the ledger here remembers."""
    from shipway.ledger.names import deployment_names

    return _items([("@last", "the newest"), *_remembered(ctx, deployment_names)], incomplete)


def releases(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """@previous where the command goes back, and the versions that were live."""
    from shipway.ledger.names import release_names

    first = [("@previous", "what was live before")] if parameter.default == "@previous" else []
    return _items([*first, *_remembered(ctx, release_names)], incomplete)


def codes(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The codes that an error may have."""
    from shipway.flows.catalogue import OPERATOR
    from shipway.flows.hints import HOSTS

    means = {code: advice.means for code, advice in HOSTS.items()} | {code: line.means for code, line in OPERATOR.items()}
    return _items(sorted(means.items()), incomplete)


def _items(words: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem[str]]:
    return [CompletionItem(word, help=says or None) for word, says in words if word.startswith(incomplete) and PLAIN.fullmatch(word)]


def _remembered(ctx: click.Context, names: Callable[[Path, str], list[tuple[str, str]]]) -> list[tuple[str, str]]:
    file = _file(ctx)
    return (
        [(word, says if PLAIN.fullmatch(says.replace(" ", "")) else "") for word, says in names(file.parent, _environment(ctx))]
        if file
        else []
    )


def _environment(ctx: click.Context) -> str:
    """The environment that was typed; the only one where none was. Click keeps words apart while an option lacks its value."""
    found = list(_environments(ctx))
    typed = ctx.params.get("environment") or next((word for word in ctx.args if word in found), "")
    return str(typed) if typed else found[0] if len(found) == 1 else ""


def _environments(ctx: click.Context) -> Mapping[str, Any]:
    import tomllib

    file = _file(ctx)
    try:
        found = tomllib.loads(file.read_text()).get("environment", {}) if file else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _file(ctx: click.Context) -> Path | None:
    from shipway.config.locate import locate
    from shipway.model.errors import WrongInput

    try:
        place = locate(ctx.params.get("project") or Path())
    except (WrongInput, OSError):
        return None
    return place.repository / place.file
