"""A journal in; what it remembers of periodic jobs out: for each when it was last due, and its latest runs.

What ends well is a row and no event: a year of a job that runs each minute would be a million events, and `verify` reads each.
"""

from __future__ import annotations

import sqlite3

from shipway_agent import json_text as json
from shipway_agent.journal import Journal
from shipway_agent.record import astuple, replace
from shipway_agent.timetable import RUNNING, JobRow, Run
from shipway_agent.typed import Any, Dict, List, Optional, Tuple

KEPT_RUNS = 50
"""Of each job. Those that run are always kept."""


def known(journal: Journal) -> Dict[str, JobRow]:
    """All jobs that this host has taken over, by name."""
    return {str(row[0]): JobRow(*row) for row in journal.rows("SELECT name, schedule, since, last, skipped, told FROM jobs")}


def put(journal: Journal, job: JobRow) -> None:
    """Write what is remembered of a job."""
    with journal.transaction() as db:
        _put(db, job)


def forget(journal: Journal, name: str) -> None:
    """This host has nothing to do with the job any more; its runs stay."""
    with journal.transaction() as db:
        db.execute("DELETE FROM jobs WHERE name = ?", (name,))


def begin(journal: Journal, job: JobRow, run: Run) -> None:
    """That a run is about to begin, and that its time is dealt with: both or neither."""
    with journal.transaction() as db:
        _put(db, job)
        _put_run(db, run)


def put_run(journal: Journal, run: Run) -> None:
    """Write a run over what is there of it."""
    with journal.transaction() as db:
        _put_run(db, run)
        old = "SELECT rowid FROM runs WHERE name = ? AND state != ? ORDER BY rowid DESC LIMIT -1 OFFSET ?"
        db.execute(f"DELETE FROM runs WHERE rowid IN ({old})", (run.name, RUNNING, KEPT_RUNS))  # noqa: S608  # both texts are ours


def going(journal: Journal) -> List[Run]:
    """Runs that have begun and have no ending, oldest first."""
    return [_run(row) for row in journal.rows("SELECT * FROM runs WHERE state = ? ORDER BY rowid", (RUNNING,))]


def newest(journal: Journal, name: str) -> Optional[Run]:
    """The newest run of a job that has an ending, None before the first."""
    rows = journal.rows("SELECT * FROM runs WHERE name = ? AND state != ? ORDER BY rowid DESC LIMIT 1", (name, RUNNING))
    return _run(rows[0]) if rows else None


def _put(db: sqlite3.Connection, job: JobRow) -> None:
    db.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?)", astuple(job))


def _put_run(db: sqlite3.Connection, run: Run) -> None:
    values = (*astuple(replace(run, lines=()))[:-1], json.dumps(list(run.lines)))
    marks = ", ".join("?" * len(values))
    update = "UPDATE SET state = excluded.state, why = excluded.why, pid = excluded.pid, pid_start = excluded.pid_start"
    update += ", ended = excluded.ended, exit = excluded.exit, lines = excluded.lines"
    db.execute(f"INSERT INTO runs VALUES ({marks}) ON CONFLICT (token) DO {update}", values)  # noqa: S608  # all of the text is ours


def _run(row: Tuple[Any, ...]) -> Run:
    """The columns stand in the order of the fields."""
    return replace(Run(*row[:-1]), lines=tuple(json.loads(row[-1])))
