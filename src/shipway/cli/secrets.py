"""`shipway secrets set|list|rm|keygen|recipients`: values that only the application may know, encrypted in the repository."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from shipway.cli.completing import environments
from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import (
    SecretsKeygenWords,
    SecretsListWords,
    SecretsRecipientsAddWords,
    SecretsRecipientsListWords,
    SecretsRecipientsRmWords,
    SecretsRmWords,
    SecretsSetWords,
)

NAME = "[A-Z_][A-Z0-9_]*"
"""What no environment is called, for their names have no capitals."""

NOT_HERE = (
    "a value may not be on the command line: everybody on this machine can read it there, and your shell keeps it. "
    "Take what was typed as known to others, and type shipway secrets set ENV NAME: it asks for the value, or reads what is piped to it"
)
MOST_BYTES = 1 << 20


@click.group("secrets")
def command() -> None:
    """Values that only the application may know: encrypted in the repository, on the hosts with the generation that they belong to."""


@command.command("set")
@click.argument("words", metavar="[ENV] NAME", nargs=-1)
@everywhere
def set_(words: tuple[str, ...], project: Path, json: bool, debug: bool) -> int:
    """Encrypt the value of the variable NAME, for every process and task of ENV.

    The value is read from stdin, or typed without being shown; never from the command line. Only a file of the checkout changes:
    commit it and deploy. A deployment with another value is a new generation, and a rollback brings the old value back.
    """
    environment, name = _named(words)
    value = _typed(name)
    return perform("secrets set", SecretsSetWords(project=project, environment=environment, name=name, value=value, json=json), debug=debug)


@command.command("list")
@environment
@everywhere
def list_(environment: str | None, project: Path, json: bool, debug: bool) -> int:
    """The encrypted values of ENV: who committed each and when, and a fingerprint that tells whether two are the same.

    Fingerprints mean something in this checkout only. Ends with 1 when a value cannot be opened with your keys: SHIPWAY_AGE_IDENTITY
    (a file, or the key itself), else ~/.config/shipway/age.key and ~/.ssh/id_ed25519.
    """
    return perform("secrets list", SecretsListWords(project=project, environment=environment, json=json), debug=debug)


@command.command("rm")
@click.argument("words", metavar="[ENV] NAME", nargs=-1)
@everywhere
def rm(words: tuple[str, ...], project: Path, json: bool, debug: bool) -> int:
    """Take the value of NAME out of the checkout: commit that and deploy.

    Earlier commits keep it encrypted, and earlier generations on the hosts keep it until they are pruned.
    """
    environment, name = _named(words)
    return perform("secrets rm", SecretsRmWords(project=project, environment=environment, name=name, json=json), debug=debug)


@command.command("keygen")
@everywhere
def keygen(project: Path, json: bool, debug: bool) -> int:
    """Make a key of your own in ~/.config/shipway/age.key, and show what others encrypt to.

    Where one is, it stays. Not needed by who has an ~/.ssh/id_ed25519 without a passphrase.
    """
    return perform("secrets keygen", SecretsKeygenWords(project=project, json=json), debug=debug)


@command.group("recipients")
def recipients() -> None:
    """Who can open the secrets of an environment."""


@recipients.command("add")
@click.argument("environment", metavar="ENV", shell_complete=environments)
@click.argument("recipient", metavar="RECIPIENT")
@click.option("--label", metavar="TEXT", default="", help="Whose key it is; for an ssh key, instead of its comment.")
@everywhere
def add(environment: str, recipient: str, label: str, project: Path, json: bool, debug: bool) -> int:
    """Encrypt every value of ENV for RECIPIENT as well: age1…, 'ssh-ed25519 …', or a file that holds one (their id_ed25519.pub).

    Every value is encrypted anew, so you must be able to open them all. Commit what changed.
    """
    words = SecretsRecipientsAddWords(project=project, environment=environment, recipient=recipient, label=label, json=json)
    return perform("secrets recipients add", words, debug=debug)


@recipients.command("rm")
@click.argument("environment", metavar="ENV", shell_complete=environments)
@click.argument("recipient", metavar="RECIPIENT")
@everywhere
def remove(environment: str, recipient: str, project: Path, json: bool, debug: bool) -> int:
    """Encrypt every value of ENV for the others only. RECIPIENT is a public key or its label.

    What they could read they may have kept: set those values to new ones.
    """
    words = SecretsRecipientsRmWords(project=project, environment=environment, recipient=recipient, json=json)
    return perform("secrets recipients rm", words, debug=debug)


@recipients.command("list")
@environment
@everywhere
def listed(environment: str | None, project: Path, json: bool, debug: bool) -> int:
    """Who can open the secrets of ENV, and which of them is you.

    A deployment needs one of these keys on the machine where it is typed.
    """
    return perform("secrets recipients list", SecretsRecipientsListWords(project=project, environment=environment, json=json), debug=debug)


def _named(words: Sequence[str]) -> tuple[str | None, str]:
    """Environment and name. What may be a value is in no message."""
    if any("=" in word for word in words) or len(words) > 2 or (len(words) == 2 and re.fullmatch(NAME, words[0])):
        raise click.UsageError(NOT_HERE, click.get_current_context())
    if not words:
        raise click.UsageError("the name of a variable is missing", click.get_current_context())
    return (words[0] if len(words) == 2 else None), words[-1]


def _typed(name: str) -> bytes:
    """What is piped in, or what a person types without seeing it."""
    if not sys.stdin.isatty():
        return sys.stdin.buffer.read(MOST_BYTES)
    from getpass import getpass

    try:
        return getpass(f"{name}: ").encode("utf-8", "surrogateescape")
    except EOFError:
        raise click.Abort from None
