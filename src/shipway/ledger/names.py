"""A project's ledger in, the names of its deployments and releases out, newest first: for whoever completes a word that a person types.

It only reads, makes nothing, waits for nobody and asks no host: where the file is missing, busy or damaged there are no names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from shipway.ledger.store import FILE, FOLDER

MOST = 100
"""Names of one kind; a person reads no more."""

_BEGAN = """
(
    SELECT deployment, json_extract(data, '$.environment') AS environment, json_extract(data, '$.version') AS version,
        json_extract(data, '$.target') AS number, at
    FROM events WHERE kind = 'began'
    UNION ALL
    SELECT deployment, environment, json_extract(data, '$.message.document.version'), json_extract(data, '$.message.fence'), at
    FROM journal WHERE kind = 'member' AND json_extract(data, '$.message.do') = 'lease'
)
"""
"""What drivers here told, and what hosts remember of drivers elsewhere."""

_LIVE = """
(
    SELECT deployment FROM events WHERE kind = 'ended' AND json_extract(data, '$.verdict') = 'live'
    UNION
    SELECT deployment FROM journal WHERE kind = 'member' AND json_extract(data, '$.message.do') = 'commit'
)
"""

DEPLOYMENTS = "SELECT deployment, max(version), max(at) FROM" + _BEGAN + "WHERE environment = ? GROUP BY deployment ORDER BY 3 DESC LIMIT ?"
RELEASES = (
    "SELECT version, max(number), max(at) FROM"
    + _BEGAN
    + "WHERE environment = ? AND deployment IN"
    + _LIVE
    + "GROUP BY version ORDER BY 3 DESC LIMIT ?"
)


def deployment_names(project: Path, environment: str) -> list[tuple[str, str]]:
    """Ids of the deployments of an environment, each with its version."""
    return [(str(deployment), str(version or "")) for deployment, version, _ in _rows(project, DEPLOYMENTS, environment) if deployment]


def release_names(project: Path, environment: str) -> list[tuple[str, str]]:
    """Versions that were live in an environment, each with its newest generation in words."""
    return [(str(version), f"generation {number}") for version, number, _ in _rows(project, RELEASES, environment) if version]


def _rows(project: Path, query: str, environment: str) -> Iterator[tuple[object, ...]]:
    path = project / FOLDER / FILE
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.0)) as db:
            yield from db.execute(query, (environment, MOST)).fetchall()
    except sqlite3.Error:
        return
