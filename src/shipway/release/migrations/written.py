"""What one migration's file says, as all adapters tell it: its changes table by table, and what of them is worth a word to people."""

from __future__ import annotations

from shipway.model.errors import WrongInput
from shipway.model.migration import SERVING, Phase
from shipway_agent.data.migrations.marks import Strange, marks
from shipway_agent.record import dataclass

_ASKED: tuple[Phase, ...] = ("contract", "held")

UNNAMED = "?"
"""What a file does not name as it stands: `for table in tables`."""

MOMENT = "against reads and writes for a moment"
REWRITTEN = "against reads and writes while it is rewritten"
CHECKED = "against reads and writes while its rows are checked"
INDEXED = "against writes while an index is built"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happens to a table, or to `column` of it. `makes` when it is there only from then on: nobody can miss it.

    `breaking`, `destructive` and `lock` are words, "" where it is none of that; a lock's are what follows the name of the table.
    `mandatory` (NOT NULL) and `filled` (the database has a value for it) are what a column is from then on; None where that stays.
    """

    table: str
    column: str = ""
    makes: bool = False
    breaking: str = ""
    destructive: str = ""
    lock: str = ""
    mandatory: bool | None = None
    filled: bool | None = None


UNKNOWN = "unknown"
"""Stands in a text for what is put there only when it runs."""

UNREAD = Change(UNNAMED, destructive="runs SQL that cannot be read here")


@dataclass(frozen=True, slots=True)
class Written:
    """A file of the commit. `phase` is what it asks for itself, `after` are those before it, `replaces` those that it stands for."""

    name: str
    path: str
    phase: Phase
    changes: tuple[Change, ...] = ()
    irreversible: tuple[str, ...] = ()
    atomic: bool = True
    after: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()


def said(text: str, path: str) -> list[str]:
    """What comments of a file ask of us. Raises WrongInput for what says nothing to us, naming file and line."""
    try:
        return marks(text, sql=path.endswith(".sql"))
    except Strange as error:
        raise unreadable(path, error.line, str(error)) from None


def phase_said(text: str, path: str) -> Phase:
    """The phase that a comment `shipway: contract` or `shipway: held` asks for. Raises WrongInput as `said` does."""
    return next((phase for word in said(text, path) for phase in _ASKED if phase == word), "expand")


def dropped(table: str, column: str = "", *, surely: bool = False) -> Change:
    """A table or a column goes. `surely` when the release that serves is known to use it."""
    what = f"{table}.{column}" if column else table
    return Change(table, column, breaking=f"drops {what}, {used(surely=surely)}", destructive=f"drops {what}", lock=MOMENT)


def renamed(table: str, new: str, column: str = "", *, surely: bool = False) -> Change:
    """A table or a column is called otherwise from then on."""
    what = f"{table}.{column}" if column else table
    return Change(table, column, breaking=f"renames {what} to {new}, {used(surely=surely)}", lock=MOMENT)


def used(*, surely: bool) -> str:
    """What the old code does with what is gone."""
    return f"which {SERVING} still uses" if surely else f"which {SERVING} may still use"


def unreadable(path: str, line: int | None, why: str) -> WrongInput:
    """A file that says nothing to us: it would fail on the host as well, and later."""
    where = f"{path}, line {line}" if line is not None else path
    return WrongInput(
        f"{where}: this migration cannot be read: {why}",
        state="nothing was touched",
        hint=f"correct {path} and commit it",
        code="migration-unread",
    )
