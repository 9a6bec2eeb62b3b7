"""A root in; out, the file of its journal, open: rows, small facts, writes that are whole or not at all, and faults in words."""

from __future__ import annotations

import time
from contextlib import contextmanager

from shipway_agent import json_text as json
from shipway_agent.errors import AgentError, naming
from shipway_agent.journal import witness
from shipway_agent.journal.tables import NAMES, TABLES
from shipway_agent.root import Root
from shipway_agent.typed import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple

if TYPE_CHECKING:
    import sqlite3
else:
    import _sqlite3 as sqlite3  # the other one brings dates along, which no table of ours has

FILE = "journal.db"
DAMAGE = f"{FILE}-damaged"
FORMAT = "1"
BUSY_SECONDS = 10.0


class Connection:
    """One connection to a journal's file, of one thread at a time. Raises AgentError as `Journal` does.

    `appended` is the number of the newest event that the write under way has appended, 0 for none.
    """

    def __init__(self, root: Root) -> None:
        self.root = root
        self.path = root.full(FILE)
        self.appended = 0
        self._writing: Optional[bool] = None
        # SQLite creates with the umask and follows links; so we make the file, and see that it is a plain one of ours. It is not
        # opened for that: to close any descriptor of it drops the locks that SQLite holds on it elsewhere in this process (fcntl's
        # rule). Another process then takes itself for the last one and deletes the log under our feet, and we read the past.
        witness.refuse_absent(root, FILE)
        root.ensure_file(FILE, 0o600)
        with self.told():
            name = f"/proc/self/fd/{root.fd}/{FILE}"
            self.db = sqlite3.connect(name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            with self.told():
                whole = self._is_whole()
                self._use_log()
                self.db.execute("PRAGMA synchronous=FULL")
                if not whole:
                    self._make_tables()
            noted = witness.marked(root)
            witness.refuse_shorter(root, FILE, noted, self.rows("SELECT COALESCE(MAX(seq), 0) FROM events")[0][0])
        except BaseException:
            self.db.close()
            raise

    def close(self) -> None:
        self.db.close()

    def rows(self, query: str, values: Tuple[Any, ...] = ()) -> List[Tuple[Any, ...]]:
        """What a query finds."""
        with self.told():
            return self.db.execute(query, values).fetchall()

    def meta(self, key: str) -> Optional[str]:
        """A small fact under its name, None where it was never set."""
        found = self.rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(found[0][0]) if found else None

    def set_meta(self, key: str, value: Optional[str]) -> None:
        """Set a small fact, or forget it with None; in a block of `writing`."""
        if value is None:
            self.db.execute("DELETE FROM meta WHERE key = ?", (key,))
        else:
            self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One state of the file for all that the block reads."""
        with self.told():
            self.db.execute("BEGIN")
            try:
                yield
            finally:
                self.db.execute("ROLLBACK")

    @contextmanager
    def writing(self, *, synced: bool = True) -> Iterator[None]:
        """All of the block, or nothing of it; within another block, together with that. Not `synced`, it waits for no disk, and is on it
        with the next one that does.
        """
        if self._writing is not None:
            assert self._writing or not synced, "what must be on disk is written in a block that waits for none"
            yield
            return
        with self.told():
            try:
                if not synced:
                    self.db.execute("PRAGMA synchronous=NORMAL")
                self.db.execute("BEGIN IMMEDIATE")
                self.appended, self._writing = 0, synced
                yield
                self.db.execute("COMMIT")
                if self.appended and synced:  # the mark must never be ahead of the disk
                    witness.mark(self.root, self.appended)
            except BaseException:
                # SQLite ends the transaction itself on some faults, a full disk among them.
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
            finally:
                self._writing = None
                if not synced:
                    self.db.execute("PRAGMA synchronous=FULL")

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raises AgentError for what SQLite or the kernel says in the block."""
        try:
            with naming(self.path):
                yield
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def load(self, text: str, what: str) -> Dict[str, Any]:
        """The object in a text. Raises AgentError `journal`, which names `what` it is, where there is none."""
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise self.damaged(what)
        return value

    def damaged(self, what: str) -> AgentError:
        """The refusal of a journal in which `what` cannot be trusted. It is noted, for those who read less."""
        return self._untrusted(f"{what} is not what was written")

    def note_damage(self, why: str) -> None:
        """Note what was found damaged, a sentence."""
        from shipway_agent.journal import damage  # few journals are

        damage.note(self.root, why)

    def _is_whole(self) -> bool:
        """Whether every table is there, so that to open it writes nothing and waits for nobody. Raises AgentError `format`: what a newer
        Shipway made is left as it is.
        """
        there = {name for (name,) in self.db.execute("SELECT name FROM sqlite_master")}
        found = self.meta("format") if "meta" in there else None
        if found is not None and found != FORMAT:
            newer = found.isdigit() and int(found) > int(FORMAT)
            message = (
                f"{self.path} {'was written by a newer Shipway: it ' if newer else ''}has format {found}; this agent reads format {FORMAT}"
            )
            raise AgentError("format", message, path=self.path, format=found)
        return found is not None and there.issuperset(NAMES)

    def _use_log(self) -> None:
        """Write ahead into a log. Another process that does the same at this moment is waited for, which SQLite does for all but this."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.db.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() >= until:
                    raise
            time.sleep(0.01)

    def _make_tables(self) -> None:
        with self.writing():
            for statement in TABLES.split(";"):
                self.db.execute(statement)
            self.db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (FORMAT,))

    def _untrusted(self, says: str) -> AgentError:
        error = AgentError("journal", f"{self.path}: {says}; {witness.way_out()}", path=self.path)
        self.note_damage(error.message)
        return error

    def _fault(self, error: sqlite3.Error) -> AgentError:
        # Python 3.9 gives no error code, and SQLite's sentences have not changed in twenty years.
        says = str(error)
        free_bytes, _ = self.root.room()
        if "disk is full" in says or ("disk I/O error" in says and free_bytes == 0):
            return AgentError("disk-full", f"{self.path}: no space is left on the file system (df shows it)", path=self.path)
        if "disk I/O error" in says:  # SQLite's word for every other fault of a write, a used-up quota among them
            message = f"{self.path}: the disk reported an error, or this user's disk quota is used up (quota shows it)"
            return AgentError("io", message, path=self.path)
        if "readonly" in says:
            return AgentError("read-only", f"{self.path}: the journal cannot be written", path=self.path)
        if "locked" in says:
            return AgentError("busy", f"{self.path}: another process has been writing for {BUSY_SECONDS:.0f} s", path=self.path)
        if "malformed" in says:
            return self._untrusted(says)
        return AgentError("journal", f"{self.path}: {says}; {witness.way_out()}", path=self.path)
