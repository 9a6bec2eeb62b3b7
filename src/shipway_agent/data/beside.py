"""The data of a root in; out, databases that are made of its points beside the live one, one at a time, and gone whoever was killed.

The name says what one is for: NAME_verify_…, NAME_export_…. Who makes one holds the lock; so what is there while nobody holds it is of an
agent that was killed.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import Iterator, List

from shipway_agent.data import points
from shipway_agent.data.alone import alone
from shipway_agent.data.declared import Declared
from shipway_agent.data.postgres import DATABASES, Postgres, beside
from shipway_agent.data.programs import Work
from shipway_agent.errors import AgentError
from shipway_agent.folder import Folder
from shipway_agent.root import Root

LOCK = ".beside.lock"
VERIFY = "verify"
EXPORT = "export"
STAMP_BYTES = 3


@contextmanager
def name_beside(root: Root, data: Declared, database: Postgres, what: str) -> Iterator[str]:
    """The name of a database to make, what lies there of others taken away; the one that was made is gone with the block.

    Raises AgentError `point-busy`.
    """
    with (
        root.at(f"{points.FOLDER}/{data.name}") as folder,
        alone(folder, LOCK, "verified or exported"),
    ):
        _sweep(database)
        name = beside(database.address["PGDATABASE"], what, os.urandom(STAMP_BYTES).hex())
        try:
            yield name
        finally:
            database.drop(name)


def sweep(folder: Folder, data: Declared, work: Work) -> None:
    """Take away what a killed agent left, unless somebody is at it. That it could not be looked for is no reason to fail."""
    if data.driver != "postgres":
        return
    try:
        with alone(folder, LOCK, "verified or exported"):
            _sweep(Postgres(data, work))
    except AgentError:
        return  # the copy that is taken next says what is wrong with the database, if anything is


def _sweep(database: Postgres) -> None:
    live = database.address["PGDATABASE"]
    for name in _of_killed(database, live):
        database.drop(name)


def _of_killed(database: Postgres, live: str) -> List[str]:
    pattern = "|".join(f"{re.escape(beside(live, what, '0' * 2 * STAMP_BYTES)[: -2 * STAMP_BYTES])}" for what in (VERIFY, EXPORT))
    ours = re.compile(f"({pattern})[0-9a-f]{{{2 * STAMP_BYTES}}}")
    with database.maintenance() as session:
        return [str(name) for (name,) in session.rows(DATABASES) if ours.fullmatch(str(name))]
