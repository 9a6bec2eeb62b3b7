"""One change of a schema, as a release brings it, and what every adapter can do with it."""

from __future__ import annotations

from typing import Any, Callable, Container, Dict, List, Optional, Protocol

from shipway_agent.data.migrations.marks import Strange, marks
from shipway_agent.errors import AgentError
from shipway_agent.record import dataclass, replace

EXPAND = "expand"
HELD = "held"
CONTRACT = "contract"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Migration:
    """`irreversible` and `destructive` are why it is, in a few words each. `atomic` when it happens whole or not at all, its row included.

    `after` are those that it depends on.
    """

    name: str
    phase: str = EXPAND
    irreversible: List[str] = []  # noqa: RUF012  # never written to
    destructive: List[str] = []  # noqa: RUF012
    tables: List[str] = []  # noqa: RUF012
    locks: List[str] = []  # noqa: RUF012
    atomic: bool = True
    after: List[str] = []  # noqa: RUF012

    def to_json(self) -> Dict[str, Any]:
        """As a driver reads it."""
        return {key: value for key, value in vars(self).items() if key != "after"}


class Adapter(Protocol):
    """One kind of migrations of one release. Everything raises AgentError, with what the program or the database said."""

    def applied(self) -> List[str]:
        """Names that the database has, in the order in which they were applied. Needs none of the release's code."""

    def known(self) -> List[Migration]:
        """Every one of the release, in an order in which they can be applied; their phases as their files say."""

    def apply(self, migration: Migration, say: Say) -> None:
        """Apply this one, those that it depends on are there. Its row is written in its transaction where it has one."""

    def reverse(self, name: str, say: Say) -> None:
        """Take this one back, and its row with it. Raises `migration-irreversible` where that cannot be."""

    def mark(self, name: str, applied: bool) -> None:
        """Write the row of one that somebody says is applied, or take it away. Runs nothing of the migration."""

    def changed(self) -> List[str]:
        """Those whose text is another one than was applied, as far as anybody can tell."""

    def finish(self, say: Say) -> None:
        """What must follow them once a run has come to its end; a run that was killed before it leaves it to the next one."""

    def close(self) -> None:
        """End what it keeps running between questions."""


def said(text: str, place: str, *, sql: bool = False) -> List[str]:
    """What the comments of a migration's file ask of us (marks.py). Raises AgentError `migrations-marker`, which names place and line."""
    try:
        return marks(text, sql=sql)
    except Strange as error:
        raise AgentError("migrations-marker", f"{place}, line {error.line}: {error}", migration=place) from None


def phase_of(words: List[str]) -> str:
    """The phase that a file asks for."""
    return next((word for word in words if word in (HELD, CONTRACT)), EXPAND)


def phased(known: List[Migration], *, held: bool, applied: Container[str], overdue: Optional[Container[str]]) -> List[Migration]:
    """The same with the phases that they run in. `held` makes each one held that is not contract, and so is what depends on a held one.

    A contract migration is `overdue` where the release that serves has it too: who needed what it takes away is gone, so it goes first.
    None where nothing serves: nobody needs anything, and nobody waits. What is `applied` keeps nobody waiting.
    Raises AgentError `migrations-order` for one that depends on a contract migration of its own release and is none.
    """
    phases: Dict[str, str] = {}
    for one in known:
        if one.name in applied:
            continue
        before = {phases.get(name, EXPAND) for name in one.after}
        phase = EXPAND if overdue is None or (one.phase == CONTRACT and one.name in overdue) else one.phase
        if CONTRACT in before and phase != CONTRACT:
            late = next(name for name in one.after if phases.get(name) == CONTRACT)
            message = (
                f"{one.name} depends on {late}, which runs only once the old release is gone: ship it later, or as `shipway: contract` too"
            )
            raise AgentError("migrations-order", message, migration=one.name)
        phases[one.name] = HELD if phase == EXPAND and overdue is not None and (held or HELD in before) else phase
    return [replace(one, phase=phases.get(one.name, one.phase)) for one in known]
