"""`shipway data …`: restore points of what must not be lost, copies of them elsewhere and to develop with, and migrations."""

from __future__ import annotations

from pathlib import Path

import click

from shipway.cli.completing import environments
from shipway.cli.options import environment, everywhere
from shipway.cli.perform import perform
from shipway.flows.words import (
    DataBackupWords,
    DataExportWords,
    DataFetchWords,
    DataListWords,
    DataMigrateWords,
    DataRestoreWords,
    DataSendWords,
    DataSettleWords,
    DataVerifyWords,
)


@click.group("data")
def command() -> None:
    """Restore points of what [data.NAME] declares, taken by one host, read back whole, kept there; and migrations that wait."""


@command.command("backup")
@environment
@click.option("--only", metavar="NAME", multiple=True, help="Of this data alone; without it of all that is declared.")
@click.option("--may-be-empty", is_flag=True, help="Take it also of a database without a row, where the last point had some.")
@everywhere
def backup(environment: str | None, only: tuple[str, ...], may_be_empty: bool, project: Path, json: bool, debug: bool) -> int:
    """Take a restore point of each data of ENV now: a copy of one moment, while everybody goes on writing.

    One that failed, was cut short or cannot be read back is never listed. What is more than `keep` goes.
    """
    words = DataBackupWords(project=project, environment=environment, only=only, may_be_empty=may_be_empty, json=json)
    return perform("data backup", words, debug=debug)


@command.command("list")
@environment
@everywhere
def list_(environment: str | None, project: Path, json: bool, debug: bool) -> int:
    """The restore points of ENV, oldest first: when, why and before which generation each was taken, its rows, its bytes.

    Below them, what other places have copies of, as their host last saw it, and which are behind.
    """
    return perform("data list", DataListWords(project=project, environment=environment, json=json), debug=debug)


@command.command("verify")
@click.argument("environment", metavar="ENV", shell_complete=environments)
@click.argument("point", metavar="POINT")
@click.option("--restore", is_flag=True, help="Make a database of it beside the live one, compare every row, and take it away again.")
@everywhere
def verify(environment: str, point: str, restore: bool, project: Path, json: bool, debug: bool) -> int:
    """Whether POINT can be read back, every byte of it: 0 is yes, 1 is no. The name of a data means its newest point.

    With --restore it says how long a restore takes, and how old what it brings back would be.
    """
    words = DataVerifyWords(project=project, environment=environment, point=point, restore=restore, json=json)
    return perform("data verify", words, debug=debug)


@command.command("send")
@environment
@click.option("--only", metavar="NAME", multiple=True, help="Of this data alone; without it of all that has `copies`.")
@everywhere
def send(environment: str | None, only: tuple[str, ...], project: Path, json: bool, debug: bool) -> int:
    """Send every place of `copies` the restore points that it lacks, and wait: hosts do so by themselves behind each verdict.

    A copy counts once it was read back there. What a place has more of than its `keep` is taken away there.
    """
    return perform("data send", DataSendWords(project=project, environment=environment, only=only, json=json), debug=debug)


@command.command("fetch")
@click.argument("environment", metavar="ENV", shell_complete=environments)
@click.argument("point", metavar="POINT")
@click.option("--from", "source", metavar="PLACE", help="From there, as shipway.toml has it; without it from the first that has it.")
@everywhere
def fetch(environment: str, point: str, source: str | None, project: Path, json: bool, debug: bool) -> int:
    """Bring POINT back to its host from a copy in another place, and read it back whole. The name of a data means its newest copy."""
    words = DataFetchWords(project=project, environment=environment, point=point, source=source, json=json)
    return perform("data fetch", words, debug=debug)


@command.command("export")
@click.argument("environment", metavar="ENV", shell_complete=environments)
@click.argument("point", metavar="POINT")
@click.option(
    "--to", metavar="FILE", type=click.Path(path_type=Path), required=True, help="The file that is written here; none may be there."
)
@click.option("--unmasked", is_flag=True, help="With every value as it is.")
@everywhere
def export(environment: str, point: str, to: Path, unmasked: bool, project: Path, json: bool, debug: bool) -> int:
    """Write a copy of POINT to FILE on this machine, every column of [data.NAME.mask] masked before it leaves its host.

    The live database is not touched: a new one is made of POINT beside it, masked in one transaction, dumped and taken away. It is refused
    where a column is not there any more. The name of a data means its newest point.
    """
    words = DataExportWords(project=project, environment=environment, point=point, to=to, unmasked=unmasked, json=json)
    return perform("data export", words, debug=debug)


@command.command("restore")
@click.argument("environment", metavar="ENV", shell_complete=environments)
@click.argument("point", metavar="POINT")
@click.option("--from", "source", metavar="PLACE", help="Fetch it first from a copy there: a place as shipway.toml has it.")
@click.option("--yes", is_flag=True, help="Do it. Without this nothing is touched: it says what would be lost.")
@everywhere
def restore(environment: str, point: str, source: str | None, yes: bool, project: Path, json: bool, debug: bool) -> int:
    """Put POINT in the place of what is there. The name of a data means its newest point.

    A database is made anew beside the live one, compared row for row, and takes its name in one transaction; what was there is kept and
    named. What was written since POINT is lost to the application: keep visitors waiting meanwhile with `maintenance on ENV --hold`.
    """
    words = DataRestoreWords(project=project, environment=environment, point=point, source=source, yes=yes, json=json)
    return perform("data restore", words, debug=debug)


@command.command("migrate")
@environment
@everywhere
def migrate(environment: str | None, project: Path, json: bool, debug: bool) -> int:
    """Run the contract migrations of the release that serves in ENV, behind a restore point.

    A deployment does that itself, once nothing of the release before runs any more. What had to wait is run by this, or by the next one.
    """
    return perform("data migrate", DataMigrateWords(project=project, environment=environment, json=json), debug=debug)


@command.command("settle")
@click.argument("environment", metavar="ENV", shell_complete=environments)
@click.argument("migration", metavar="MIGRATION")
@click.option("--done", is_flag=True, help="It took effect: it counts as applied.")
@click.option("--again", is_flag=True, help="It had no effect, or what it did was taken back by hand: it is pending.")
@everywhere
def settle(environment: str, migration: str, done: bool, again: bool, project: Path, json: bool, debug: bool) -> int:
    """Say how MIGRATION ended, of which nobody knows: it is in no transaction, and was killed. Look at the database first.

    Until then nothing else is migrated.
    """
    words = DataSettleWords(project=project, environment=environment, migration=migration, done=done, again=again, json=json)
    return perform("data settle", words, debug=debug)
