"""A root whose journal is damaged in; out, a sound one of what can still be read of it, while what serves goes on.

The record is taken over where it proves itself: its digest holds, and no event is newer than what can be read. Else it is made of what is
on disk: what `current` points at serves. Nothing is taken away before the new file is whole, and the old ones are kept.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing

from shipway_agent import clock, decide, group
from shipway_agent import json_text as json
from shipway_agent.apply import pointed
from shipway_agent.decide import Member
from shipway_agent.errors import AgentError, naming
from shipway_agent.journal import SEAL_ENDS, SEALED, Journal, chain, processes, steps, witness
from shipway_agent.journal.connection import DAMAGE, FILE, Connection
from shipway_agent.journal.processes import ProcessRow
from shipway_agent.primitives import generations
from shipway_agent.root import Lock, Root
from shipway_agent.signals import SIGKILL
from shipway_agent.timetable import RUNNING, prefix
from shipway_agent.typed import Any, Dict, List, NamedTuple, Optional, Tuple

KEPT = "journal-damaged"
"""Where the damaged files are kept, by when they were replaced: the newest KEPT_TIMES of them."""

KEPT_TIMES = 3
MADE = "journal-made"
"""The new journal, whole, until it is in its place. Once the damaged one is out of its own, whoever was killed goes on from there."""

ASIDE = f"{MADE}/damaged"

MAKING = "journal-making"
LOG = f"{FILE}-wal"
HEADER_BYTES = 100
PAGES = slice(28, 32)
COUNTERS = (slice(24, 28), slice(92, 96))
"""Where a file's header has its pages, and the two numbers that say that this is so."""

END_SECONDS = 10.0
LOCK_SECONDS = 0.5
STATES = frozenset({"starting", "up", "draining", "stopping", "gone", "crashed"})
OURS = ("seal:", "read", chain.HEAD, chain.CUT, "format", "boot")
"""Beginnings of rows of meta that are not taken over: made anew, or compared anew."""


class Old(NamedTuple):
    """What can be read of the damaged file: rows by table, and those tables that were read to their end."""

    rows: Dict[str, List[Tuple[Any, ...]]]
    whole: Tuple[str, ...]


def renew(root: Root, name: str) -> List[str]:
    """Make the journal of host `name` anew, and leave no supervisor: what it did and what is not known any more, a sentence each.

    Empty, and nothing touched, where it is sound: another may just have made it anew. Killed anywhere, it is begun again. Raises
    AgentError: `busy` where another process has the journal open or the supervisor does not end, `journal` where it cannot be known
    what is to serve, or a fault of the disk.
    """
    with root.host_lock():
        if not is_damaged(root):
            _keep_aside(root)
            return []
        lock = _take_over(root)
        try:
            _refuse_others(root)
            if root.stat(FILE) is not None or root.stat(f"{MADE}/{FILE}") is None:
                _keep_aside(root)
                said = _make(root, name)  # also where one was made before: the other may have gone on since
            else:
                said = ["a journal that was made of the damaged one is in its place"]
            return [*said, *_exchange(root)]
        finally:
            lock.release()


def is_damaged(root: Root) -> bool:
    """Whether reading everything shows it. Raises AgentError for any other fault."""
    try:
        with Journal(root) as journal:
            journal.verify()
    except AgentError as error:
        if error.code in ("journal", "tampered"):
            return True
        raise
    return False


def _take_over(root: Root) -> Lock:
    """The supervisor's lock. An init starts another supervisor a second after the first was killed: it may be faster, and is killed too."""
    until = time.monotonic() + END_SECONDS
    while True:
        _end_supervisor(root)
        try:
            return root.supervisor_lock(LOCK_SECONDS)
        except AgentError as error:
            if error.code != "busy" or time.monotonic() >= until:
                raise


def _end_supervisor(root: Root) -> None:
    """Its processes go on. It is killed: one that ends closes its journal, and SQLite would write into the damaged file."""
    from shipway_agent import supervisor

    answer = supervisor.ask(root, {"hello": True})
    try:
        if answer is not None:
            os.kill(int(answer["pid"]), SIGKILL)
    except ProcessLookupError:
        pass


def _exchange(root: Root) -> List[str]:
    """Put the new journal in its place. The damaged one goes first: without it everybody refuses, and nobody reads it without its log."""
    root.at(ASIDE, create=True, mode=0o700).close()
    for old in (FILE, LOG):
        if root.stat(old) is not None:
            root.rename(old, f"{ASIDE}/{old}")
    for old in (f"{FILE}-shm", DAMAGE):
        root.unlink(old)
    root.rename(f"{MADE}/{FILE}", FILE)
    return _keep_aside(root)


def _keep_aside(root: Root) -> List[str]:
    """Keep what was replaced, and no more than that of the last few times: each is as long as the journal."""
    said = []
    if root.stat(f"{ASIDE}/{FILE}") is not None:
        root.at(KEPT, create=True, mode=0o700).close()
        kept = f"{KEPT}/{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        root.remove(kept)
        root.rename(ASIDE, kept)
        said = [f"the damaged files are kept in {root.full(kept)}"]
        for older in sorted(root.names(KEPT))[:-KEPT_TIMES]:
            root.remove(f"{KEPT}/{older}")
    root.remove(MADE)
    return said


def _refuse_others(root: Root) -> None:
    """Raises AgentError `busy` while another process has the journal open: what it writes would be lost."""
    file = root.stat(FILE)
    until = time.monotonic() + END_SECONDS
    while file is not None:
        others = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if pid != os.getpid() and _has(pid, file)]
        if not others:
            return
        if time.monotonic() >= until:
            raise AgentError("busy", f"{root.full(FILE)} is open in process {others[0]}: another command works on this host")
        time.sleep(0.1)


def _has(pid: int, file: os.stat_result) -> bool:
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            found = os.stat(f"/proc/{pid}/fd/{name}")
            if (found.st_dev, found.st_ino) == (file.st_dev, file.st_ino):
                return True
    except OSError:  # it ended, or is another user's
        pass
    return False


def _make(root: Root, name: str) -> List[str]:
    root.remove(MAKING)
    with Root(root.full(MAKING), create=True) as place, closing(Connection(place)) as file:
        file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _copy(root, f"{place.path}/old")
        old = _read(f"{place.path}/old", place)
        said = _fill(root, name, file, old)
        if file.db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise file.damaged("what was made anew")
        chain.verify(file)
        file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    root.remove(f"{MAKING}/old")
    root.rename(MAKING, MADE)
    return said


def _copy(root: Root, folder: str) -> None:
    with naming(folder):
        os.makedirs(folder, 0o700, exist_ok=True)
        for name in (FILE, LOG):
            if root.stat(name) is not None:
                shutil.copyfile(root.full(name), f"{folder}/{name}")
                os.chmod(f"{folder}/{name}", 0o600)


def _read(folder: str, fresh: Root) -> Old:
    """Every row that can be read, of each table to where it is damaged. A damaged header is that of a new file, but for what it counts."""
    path = f"{folder}/{FILE}"
    rows: Dict[str, List[Tuple[Any, ...]]] = {}
    whole: List[str] = []
    if not os.path.exists(path):
        return Old(rows, ())
    _mend_header(path, fresh.full(FILE))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for table in ("member", "good", "meta", "events", "steps", "processes", "outbox", "jobs", "runs"):
            found: List[Tuple[Any, ...]] = []
            rows[table] = found
            try:
                # Not by an index, which may be what is damaged.
                found.extend(db.execute(f"SELECT * FROM {table} NOT INDEXED"))  # noqa: S608  # one of our own names
                whole.append(table)
            except sqlite3.Error:
                continue
    return Old(rows, tuple(whole))


def _mend_header(path: str, fresh: str) -> None:
    with open(fresh, "rb") as file:
        header = bytearray(file.read(HEADER_BYTES))
    with open(path, "r+b") as file:
        if file.read(HEADER_BYTES)[:16] == header[:16]:
            return
        page_bytes = int.from_bytes(header[16:18], "big")
        header[PAGES] = (os.path.getsize(path) // page_bytes).to_bytes(4, "big")
        for where in COUNTERS:
            header[where] = (1).to_bytes(4, "big")
        header[32:40] = bytes(8)  # no free pages: nothing is written to it
        file.seek(0)
        file.write(header)


def _fill(root: Root, name: str, file: Connection, old: Old) -> List[str]:
    """Take over what proves itself; what was and what was not, in sentences."""
    newest = max([0, *(int(row[0]) for row in old.rows.get("events", ()) if isinstance(row[0], int))])
    noted = witness.marked(root)
    member = _record(old) if newest >= noted > 0 else None
    said = ["its journal was made anew; its record, which proves itself, was taken over"]
    if member is None:
        member = _from_disk(root, name)
        said = [
            f"its journal was made anew, and its record of what is on disk: generation {member.current} serves",
            "not known any more: what the last deployments here were decided to be, and what an earlier state to go back to would be",
        ]
    with file.writing():
        text = chain.canonical(decide.to_json(member))
        file.db.execute("INSERT INTO member VALUES (1, ?)", (f'{SEALED}{chain.digest(text)}",{text[1:]}',))
        _put(file, "meta", [row for row in old.rows.get("meta", ()) if not str(row[0]).startswith(OURS)])
        file.set_meta("boot", next((str(row[1]) for row in old.rows.get("meta", ()) if row[0] == "boot"), "lost"))
        _put(file, "good", [*_good(root, old), *((n, d["deployment"]) for n, d in _serving(root, member))])
        for table in ("outbox", "jobs", "runs"):
            _put(file, table, old.rows[table] if table in old.whole else [])
        _put(file, "runs", _lost_runs(root, file))
        for row in _copies(root, member, old):
            processes.put(file, row)
        if newest < noted or not _take_events(file, old):
            chain.begin_again(file, max(newest, noted))
            said.append("not known any more: the events before, so that `history` tells less of this host")
    return said


def _put(file: Connection, table: str, rows: List[Tuple[Any, ...]]) -> None:
    for row in rows:
        marks = ", ".join("?" * len(row))
        file.db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)  # noqa: S608  # one of our own names


def _record(old: Old) -> Optional[Member]:
    """The record, where it is what was written."""
    for _, text in old.rows.get("member", ()):
        if str(text).startswith(SEALED) and chain.digest("{" + text[SEAL_ENDS:]) == text[len(SEALED) : SEAL_ENDS - 2]:
            return decide.from_json(json.loads(text))
    return None


def _from_disk(root: Root, name: str) -> Member:
    link = pointed(root)
    numbers = generations.numbers(root)
    if link is None and not numbers:
        return Member(name)
    document = generations.read(root, link) if link is not None else None
    if link is None or document is None:
        raise AgentError(
            "journal", f"{root.full(FILE)}: its record is lost, and `current` points at no generation: nothing says what serves"
        )
    if any(one.startswith("held.") for one in root.names(f"{generations.place(link)}/front")):
        raise AgentError(
            "journal",
            f"{root.full(FILE)}: its record is lost while requests wait for a deployment: whether its data is to be put back is not known",
        )
    return Member(name, fence=max([link, *numbers]), current=link)


def _serving(root: Root, member: Member) -> List[Tuple[int, Dict[str, Any]]]:
    document = generations.read(root, member.current) if member.current is not None else None
    return [(member.current, document)] if document is not None and member.current is not None else []


def _good(root: Root, old: Old) -> List[Tuple[Any, ...]]:
    """Generations that were committed: those whose document says the same deployment."""
    on_disk = {number: document.get("deployment") for number, document in generations.documents(root).items()}
    return [row for row in old.rows.get("good", ()) if row[0] in on_disk and on_disk[row[0]] == row[1]]


def _copies(root: Root, member: Member, old: Old) -> List[ProcessRow]:
    """The rows of what runs, and of nothing else: a supervisor ends what has our marker and no row."""
    living = _leaders(f"{root.digest}/")
    read = [row for row in map(_row, old.rows.get("processes", ())) if row is not None]
    # A program that sets its title loses its marker: it is known by its pid alone.
    rows = [
        row for row in read if row.marker(root.digest) in living or (row.boot == clock.boot_id() and group.alive(row.pid, row.pid_start))
    ]
    known = {row.marker(root.digest) for row in rows}
    for marker, pid in living.items():
        parts = marker.split("/")
        if marker in known or len(parts) != 5:
            continue
        born, name, instance, token = int(parts[1]), parts[2], int(parts[3]), parts[4]
        serving = member.current if _is_dialled(root, member.current, name) and not _is_dialled(root, born, name) else born
        found = generations.read(root, serving or born) or {"processes": ()}
        of = next((process for process in found["processes"] if process["name"] == name), None)
        address = None
        if of is not None and of["listens"]:
            address = generations.read_slots(root, serving or born).get(f"{name}.{instance}")
        token = token if serving == born else f"{token}@{born}"
        began = group.known(pid)
        rows.append(
            ProcessRow(
                serving or born,
                name,
                instance,
                token,
                "up",
                address,
                pid,
                began.start if began else None,
                clock.boot_id(),
                True,
                clock.wall_now(),
            )
        )
    return rows


def _lost_runs(root: Root, file: Connection) -> List[Tuple[Any, ...]]:
    """Rows for runs of jobs that go on and have none, which a supervisor would end; their time begins anew."""
    there = {str(row[0]) for row in file.db.execute("SELECT token FROM runs WHERE state = ?", (RUNNING,))}
    rows: List[Tuple[Any, ...]] = []
    for marker, pid in _leaders(prefix(root.digest)).items():
        generation, job, token = marker[len(prefix(root.digest)) :].split("/")
        jobs = (generations.read(root, int(generation)) or {}).get("jobs", ())
        seconds = next((float(one["timeout_seconds"]) for one in jobs if one["name"] == job), 0.0)
        began = group.known(pid)
        if token not in there and began is not None:
            at = clock.wall_now()
            times = (at, clock.boot_now() + seconds)
            rows.append((token, job, at, int(generation), RUNNING, clock.boot_id(), *times, 0, 1, "", pid, began.start, None, None, "[]"))
    return rows


def _leaders(beginning: str) -> Dict[str, int]:
    """The markers with this beginning that run, and the first process of each: what daemonised out of one leads a session too."""
    marked = [(marker, group.known(pid)) for pid, marker in group.marks().items() if marker.startswith(beginning)]
    leaders = [(one.start, one.pid, marker) for marker, one in marked if one is not None and not one.dead and one.pid == one.session]
    return {marker: pid for _, pid, marker in sorted(leaders, reverse=True)}


def _is_dialled(root: Root, number: Optional[int], name: str) -> bool:
    return number is not None and f"{name}.1" in generations.read_slots(root, number)


def _row(columns: Tuple[Any, ...]) -> Optional[ProcessRow]:
    try:
        row = processes.row_of(columns)
        return row if row.state in STATES and isinstance(row.generation, int) else None
    except TypeError:
        return None


def _take_events(file: Connection, old: Old) -> bool:
    """Take events and steps over where they are whole and one chain; else only those steps that can be read."""
    meta = {row[0]: row[1] for row in old.rows.get("meta", ())}
    if "events" in old.whole:
        for key in (chain.HEAD, chain.CUT):
            file.set_meta(key, meta.get(key))
        _put(file, "events", old.rows["events"])
    _put(file, "steps", old.rows.get("steps", []))
    try:
        steps.verify(file, chain.verify(file), whole=True)
        if file.rows("SELECT 1 FROM events LIMIT 1"):
            return True
    except (AgentError, ValueError):
        pass
    for table in ("events", "steps"):
        file.db.execute(f"DELETE FROM {table}")  # noqa: S608  # one of our own names
    for key in (chain.HEAD, chain.CUT):
        file.set_meta(key, None)
    return False
