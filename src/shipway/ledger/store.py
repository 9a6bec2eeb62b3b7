"""A project directory in, its ledger out: events kept in `<project>/.shipway/ledger.db`, read back as History."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from shipway.ledger.history import Journal, history
from shipway.ledger.times import LANDMARKS, RUNS
from shipway.model.event import Event
from shipway.model.facts import Attempt
from shipway.model.history import History

FOLDER = ".shipway"
FILE = "ledger.db"
FORMAT = "1"
"""As schema.sql writes it."""
LOOKED_AT, RUNS_LOOKED_AT = 200_000, 4 * RUNS
"""So many events back, and so many deployments, good and bad, are looked for those whose times count."""

BUSY_SECONDS = 10.0
"""How long another program of this project is waited for, which may be stopped in the middle of a write."""


class Ledger:
    """The operator's memory. Damaged, or of another format, it is set aside and begun anew: the hosts remember everything that counts.

    Use it as a context manager, in one thread. Raises OSError where the project cannot be written, sqlite3.Error where a disk fails or
    another program has written for longer than `busy_seconds`.
    """

    def __init__(self, project: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = ignored_folder(project) / FILE
        self._busy_seconds = busy_seconds
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._set_aside()
            self._db = self._open()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def add(self, events: Iterable[Event]) -> None:
        """Keep what a driver told. The same event is kept once, however often it is added."""
        rows = [(e.deployment, e.at, e.kind, e.host, _text(e.data)) for e in events]
        with self._db:
            self._db.executemany("INSERT OR IGNORE INTO events (deployment, at, kind, host, data) VALUES (?, ?, ?, ?, ?)", rows)

    def learn(self, environment: str, host: str, journal: Iterable[Mapping[str, Any]]) -> None:
        """Keep what a host told, as its call `events` answers it. Known rows change nothing; what is no event is left out."""
        rows = [
            (environment, host, e["seq"], float(e["at"]), str(e.get("deployment", "")), e["kind"], _text(e["data"]))
            for e in journal
            if isinstance(e.get("seq"), int)
            and isinstance(e.get("at"), (int, float))
            and isinstance(e.get("kind"), str)
            and isinstance(e.get("data"), Mapping)
        ]
        with self._db:
            self._db.executemany("INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def newest(self, environment: str, host: str) -> dict[str, Any] | None:
        """The event that was learnt last of a host: its `seq`, `at` and `kind`. None where it never told any."""
        row = self._db.execute(
            "SELECT seq, at, kind FROM journal WHERE environment = ? AND host = ? ORDER BY rowid DESC LIMIT 1", (environment, host)
        ).fetchone()
        return dict(zip(("seq", "at", "kind"), row, strict=True)) if row is not None else None

    def events(self, deployment: str | None = None) -> list[Event]:
        """What drivers here told, in the order in which it was added; of one deployment when it is named."""
        # Two statements: one with "? IS NULL OR" would go through all of the table for each deployment.
        chosen, values = ("WHERE deployment = ?", (deployment,)) if deployment is not None else ("", ())
        rows = self._db.execute(f"SELECT kind, at, deployment, host, data FROM events {chosen} ORDER BY id", values)  # noqa: S608  # constants
        return [Event(kind, at, of, host, json.loads(data)) for kind, at, of, host, data in rows]

    def landmarks(self, environment: str, kind: str) -> list[Event]:
        """Of the last deployments of one kind in an environment, what tells when they entered and left their phases; oldest first."""
        marks = ", ".join(f"'{mark}'" for mark in LANDMARKS)
        rows = self._db.execute(
            f"SELECT kind, at, deployment, host, data FROM events WHERE kind IN ({marks}) AND deployment IN ("  # noqa: S608  # constants
            "SELECT deployment FROM events WHERE id > (SELECT max(id) FROM events) - ? AND kind = 'began' AND"
            " json_extract(data, '$.environment') = ? AND json_extract(data, '$.kind') = ? ORDER BY id DESC LIMIT ?) ORDER BY id",
            (LOOKED_AT, environment, kind, RUNS_LOOKED_AT),
        )
        return [Event(kind, at, of, host, json.loads(data)) for kind, at, of, host, data in rows]

    def journals(
        self, environment: str, attempts: Mapping[str, Sequence[Attempt]] | None = None, deployments: Iterable[str] | None = None
    ) -> list[Journal]:
        """What each host of an environment told so far, of all deployments or of these, beside the `attempts` that its record holds now."""
        told: dict[str, list[dict[str, Any]]] = {host: [] for host in attempts or {}}
        for host, seq, at, deployment, kind, data in self._told(environment, deployments):
            told.setdefault(host, []).append({"seq": seq, "at": at, "deployment": deployment, "kind": kind, "data": json.loads(data)})
        return [Journal(host, events, (attempts or {}).get(host, ())) for host, events in told.items()]

    def history(self, environment: str, *, limit: int | None = None, attempts: Mapping[str, Sequence[Attempt]] | None = None) -> History:
        """The records of an environment, newest first, from drivers and hosts together. With `limit` only what may belong to the newest

        is read, however much there is.
        """
        if limit is None:
            return history(self.events(), self.journals(environment, attempts), environment=environment)
        count = 2 * limit
        while True:
            newest, since = self._newest(environment, count)
            own = (event for deployment in newest for event in self.events(deployment))
            found = history(own, self.journals(environment, attempts, newest), environment=environment)
            # Whatever was not read had its last event by `since`, and so its first one too.
            if since is None or sum(record.began > since for record in found.records) >= limit:
                return History(found.records[:limit])
            count *= 4

    def _newest(self, environment: str, count: int) -> tuple[list[str], float | None]:
        """The deployments that were told of last, and when the next one was told of for the last time; None where there is no other."""
        rows = self._db.execute(
            "SELECT deployment, max(at) AS last FROM ("
            " SELECT deployment, max(at) AS at FROM events GROUP BY deployment"
            " UNION ALL SELECT deployment, max(at) FROM journal WHERE environment = ? GROUP BY deployment"
            ") GROUP BY deployment ORDER BY last DESC LIMIT ?",
            (environment, count + 1),
        ).fetchall()
        return [deployment for deployment, _ in rows[:count]], rows[count][1] if len(rows) > count else None

    def _told(self, environment: str, deployments: Iterable[str] | None) -> Iterator[tuple[Any, ...]]:
        columns = "SELECT host, seq, at, deployment, kind, data FROM journal WHERE environment = ?"
        if deployments is None:
            yield from self._db.execute(f"{columns} ORDER BY host, at, seq", (environment,))
        for deployment in deployments or ():
            yield from self._db.execute(f"{columns} AND deployment = ? ORDER BY host, at, seq", (environment, deployment))

    def _set_aside(self) -> None:
        self.path.replace(self.path.with_suffix(".damaged"))
        for rest in ("-wal", "-shm"):
            self.path.with_name(FILE + rest).unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=self._busy_seconds)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")  # what a loss of power takes, the hosts still have
            db.executescript(Path(__file__).with_name("schema.sql").read_text())
            found = db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
            if found != (FORMAT,):
                raise sqlite3.DatabaseError(f"ledger of format {found}")
        except BaseException:
            db.close()
            raise
        return db


def ignored_folder(project: Path) -> Path:
    """`<project>/.shipway`, made when it is missing, with a .gitignore of its own so that no checkout is ever dirty by it."""
    folder = project / FOLDER
    folder.mkdir(exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    return folder


def _text(data: Mapping[str, Any]) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
