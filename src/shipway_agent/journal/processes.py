"""A journal's connection in; out, its rows of processes: put, found, handed over and forgotten.

What is written of processes outlives whoever wrote it and no loss of power, which no process outlives either: so none of it waits for
the disk.
"""

from __future__ import annotations

from shipway_agent.journal.connection import Connection
from shipway_agent.record import astuple, dataclass, replace
from shipway_agent.typed import Any, List, Optional, Tuple

# The columns stand in the order of the dataclass.


@dataclass(frozen=True)
class ProcessRow:
    """One running copy. `address` as in a slot, None for a worker; `pid`, `pid_start` and `boot` name the process for good.

    `token` names one start; of a copy that was handed over to another generation it is TOKEN@GENERATION, the one it was started in.
    `state`: starting, up, draining, stopping, gone, crashed. `since` is seconds since the epoch, `exit` the last exit code.
    """

    generation: int
    name: str
    instance: int
    token: str
    state: str
    address: Optional[str] = None
    pid: Optional[int] = None
    pid_start: Optional[int] = None
    boot: Optional[str] = None
    healthy: bool = False
    since: float = 0.0
    restarts: int = 0
    exit: Optional[int] = None
    wanted: bool = True

    def marker(self, root_digest: str) -> str:
        """The value of SHIPWAY_INSTANCE that its processes were born with: names one start of one copy on this machine for good."""
        token, _, born = self.token.partition("@")
        return f"{root_digest}/{born or self.generation}/{self.name}/{self.instance}/{token}"


def of(journal: Connection, generation: Optional[int]) -> List[ProcessRow]:
    """The rows of one generation, or all, in order."""
    rows = journal.rows(
        "SELECT * FROM processes WHERE ? IS NULL OR generation = ? ORDER BY generation, name, instance", (generation, generation)
    )
    return [row_of(row) for row in rows]


def find(journal: Connection, generation: int, name: str, instance: int) -> Optional[ProcessRow]:
    """One row, None where there is none."""
    where = (generation, name, instance)
    rows = journal.rows("SELECT * FROM processes WHERE generation = ? AND name = ? AND instance = ?", where)
    return row_of(rows[0]) if rows else None


def put(journal: Connection, row: ProcessRow) -> None:
    """Write a row, over the one with the same generation, name and instance."""
    with journal.writing(synced=False):
        journal.db.execute("INSERT OR REPLACE INTO processes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(row))


def hand_over(journal: Connection, row: ProcessRow, generation: int) -> ProcessRow:
    """Make a row that of another generation, in one write: whoever dies, its process has one row. The row as it is now."""
    token = row.token if "@" in row.token else f"{row.token}@{row.generation}"
    new, where = (generation, token), (row.generation, row.name, row.instance)
    with journal.writing(synced=False):
        journal.db.execute(
            "UPDATE processes SET generation = ?, token = ? WHERE generation = ? AND name = ? AND instance = ?", (*new, *where)
        )
    return replace(row, generation=generation, token=token)


def delete(journal: Connection, generation: int, name: str, instance: int) -> None:
    """Forget a row; nothing where there is none."""
    with journal.writing(synced=False):
        journal.db.execute("DELETE FROM processes WHERE generation = ? AND name = ? AND instance = ?", (generation, name, instance))


def row_of(row: Tuple[Any, ...]) -> ProcessRow:
    """The row of its columns, as the table has them."""
    found = ProcessRow(*row)
    return replace(found, healthy=bool(found.healthy), wanted=bool(found.wanted))
