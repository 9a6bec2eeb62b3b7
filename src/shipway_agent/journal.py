"""A root in, its memory out: the host's record, the chain of events, steps and processes; durable when a call returns."""

from __future__ import annotations

import os
from contextlib import contextmanager

from shipway_agent import clock, decide, witness
from shipway_agent import json_text as json
from shipway_agent.blake import blake2b
from shipway_agent.decide import Member, Reply
from shipway_agent.errors import AgentError, naming
from shipway_agent.notifications.moments import moments
from shipway_agent.record import astuple, dataclass, replace
from shipway_agent.root import Root
from shipway_agent.states import COMMITTED, REVERTED
from shipway_agent.tables import EVENTS, TABLES
from shipway_agent.typed import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Tuple

if TYPE_CHECKING:
    import sqlite3
else:
    import _sqlite3 as sqlite3  # the other one brings dates along, which no table of ours has

FILE = "journal.db"
FORMAT = "1"
BUSY_SECONDS = 10.0

PEER_PORT = "peer_port"
"""Row of meta that holds the port while a host listens for questions; reopened on the same one after a reboot."""

CANNOT_ASK = "cannot_ask"
"""Row of meta that says why this host could not ask its lead in the last deployment; none where it could."""

AGENT = "supervisor_agent"
"""Row of meta: the hash of the agent that supervises."""

CUT = "cut"
"""Kind of the event, and row of meta, that say up to which event the journal was shortened (shortening.py)."""

QUIET = frozenset({"tick", "renew", "ask"})
"""Messages that are no event when they change nothing but times: a minute of a deployment sends hundreds of them."""

SEALED = '{"digest":"'
SEAL_ENDS = len(SEALED) + 64 + 2
"""The record begins with the digest of all that follows. Agents that know nothing of it read over it, and write records without one."""

SECRETS = frozenset({"peer_key"})
"""Keys of a lease's document that stay out of the events, which leave the host."""

# The columns of steps and processes stand in the order of the dataclasses Step and ProcessRow.


class Tampered(AgentError):
    """The chain of events is broken at `seq`: somebody changed, removed or added a row by hand."""

    def __init__(self, seq: int, path: str) -> None:
        message = f"{path}: event {seq} is not what was written; the disk has changed it, or somebody by hand"
        super().__init__("tampered", message, seq=seq, path=path)
        self.seq = seq


@dataclass(frozen=True)
class Step:
    """One step of a deployment on this host. `state`: intent, done, failed, unknown. `data` holds its answer or its error.

    `at` is seconds since the epoch; `pid` with `pid_start` is the process that ran it.
    """

    deployment: str
    key: str
    fence: int
    state: str
    at: float
    data: Mapping[str, Any]
    pid: Optional[int] = None
    pid_start: Optional[int] = None

    @property
    def alive(self) -> bool:
        """Whether it has begun and the process that runs it still exists."""
        return self.state == "intent" and self.pid is not None and clock.process_start(self.pid) == self.pid_start


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


class Journal:
    """One connection to a root's journal, of one thread at a time. A call that returns has its writes on disk.

    Opening it is also how a reboot is noticed: the first to open it in a new boot applies the rule *boot*. Raises AgentError:
    `journal` for a damaged file and for one that has lost what it had, `format` for a newer one, which is left as it is, `disk-full`,
    `read-only`, `io`, `busy` after 10 s.
    """

    def __init__(self, root: Root) -> None:
        self.root = root
        self.path = root.full(FILE)
        # SQLite creates with the umask and follows links; so we make the file, and see that it is a plain one of ours. It is not
        # opened for that: to close any descriptor of it drops the locks that SQLite holds on it elsewhere in this process (fcntl's
        # rule). Another process then takes itself for the last one and deletes the log under our feet, and we read the past.
        witness.refuse_absent(root, FILE)
        root.ensure_file(FILE, 0o600)
        self._newest, self._together = 0, False
        self._read: Tuple[Optional[str], Member] = None, Member("")
        with self._told():
            name = f"/proc/self/fd/{root.fd}/{FILE}"
            self._db = sqlite3.connect(name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            with self._told():
                self._refuse_other_format()
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._prepare()
            noted = witness.marked(root)
            witness.refuse_shorter(root, FILE, noted, self._rows("SELECT COALESCE(MAX(seq), 0) FROM events")[0][0])
            self.note_boot(clock.boot_id(), clock.boot_now())
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------- the record

    def member(self) -> Member:
        """The record as stored; its name is empty before the first hello."""
        with self._told():
            return self._member()

    def name_member(self, name: str) -> None:
        """Give this root its host's name. Raises AgentError `name` when it has another: one root belongs to one host."""
        with self._writing():
            member = self._member()
            if member.name == name:
                return
            if member.name:
                raise AgentError(
                    "name", f"{self.root.path} belongs to host {member.name!r}, not {name!r}", path=self.root.path, name=member.name
                )
            self._save(replace(member, name=name))
            self._append("named", "", {"name": name})

    def decide(self, message: Mapping[str, Any], now: float) -> Reply:
        """Answer one message by the rules and keep the new record. `now` is the boot clock.

        A lease is refused with code `busy` while a step of another deployment still runs here.
        """
        if message["do"] in QUIET:
            before = self.member()
            after, reply = decide.handle(before, message, now)
            if after == before:
                return reply
        with self._writing():
            return self._decide(message, now)

    def good(self) -> List[int]:
        """Numbers of the generations that were committed, newest first."""
        return [row[0] for row in self._rows("SELECT generation FROM good ORDER BY generation DESC")]

    def note_boot(self, boot_id: str, now: float) -> bool:
        """Remember which boot this is. True when it is another than the last; the rule *boot* has then been applied. `now`: boot clock."""
        if self.meta("boot") == boot_id:
            return False
        with self._writing():
            before = self._meta("boot")
            if before == boot_id:
                return False
            self._set_meta("boot", boot_id)
            if before is None:
                return False
            self._append("boot", "", {"before": before, "after": boot_id})
            self._decide({"do": "boot"}, now)
            self._db.execute("UPDATE steps SET state = 'unknown' WHERE state = 'intent'")
            return True

    # --------------------------------------------------------------- events

    def event(self, kind: str, deployment: str, data: Mapping[str, Any], *, synced: bool = True) -> int:
        """Append an event and answer its number. `data` holds JSON values and no secret.

        Not `synced`, for what is only told: a loss of power before the next write that is may take it along, and its number is given anew.
        """
        with self._writing(synced=synced):
            return self._append(kind, deployment, data)

    def changes(self) -> int:
        """A number that is another one once somebody else has written since it was last asked. Costs next to nothing."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def events(
        self, since: int = 0, deployment: Optional[str] = None, limit: int = 1000, kind: Optional[str] = None
    ) -> List[Dict[str, Any]]:
        """Events with a number above `since`, oldest first: {seq, at, deployment, kind, data}; of one deployment or kind where named."""
        named = tuple(value for value in (deployment, kind) if value is not None)
        rows = self._rows(EVENTS[deployment is not None, kind is not None], (since, *named, limit))
        return [
            {"seq": seq, "at": at, "deployment": of, "kind": kind, "data": self._load(text, f"event {seq}")}
            for seq, at, of, kind, text in rows
        ]

    def newest(self) -> int:
        """The number of the newest event, 0 before the first."""
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM events")[0][0])

    def verify(self, newest: Optional[int] = None) -> None:
        """Read everything; or, of a journal that was read whole before each deployment, so many of the newest events with their steps.

        Raises Tampered: the number of the first event that is missing or not what was written; `journal` for what the file itself, the
        record or a step shows to be damaged.
        """
        if newest is None and self._rows("PRAGMA integrity_check(1)")[0][0] != "ok":
            raise self._damaged("a page of it")
        with self._told():
            self._db.execute("BEGIN")  # one state of the file for the three reads
            try:
                self._verify(newest)
            finally:
                self._db.execute("ROLLBACK")

    # ---------------------------------------------------------------- steps

    def step(self, deployment: str, key: str) -> Optional[Step]:
        """What is known of a step, None where it never began."""
        found = self._rows("SELECT * FROM steps WHERE deployment = ? AND key = ?", (deployment, key))
        return self._step(found[0]) if found else None

    def steps(self, deployment: str) -> List[Step]:
        """All steps of a deployment, in the order in which they last began."""
        return [self._step(row) for row in self._rows("SELECT * FROM steps WHERE deployment = ? ORDER BY rowid", (deployment,))]

    def begin_step(
        self,
        deployment: str,
        key: str,
        fence: int,
        *,
        now: float,
        decided: bool = False,
        on_behalf_of: Optional[str] = None,
        about: Optional[Mapping[str, Any]] = None,
        message: Optional[Mapping[str, Any]] = None,
    ) -> Optional[Step]:
        """Write the intent, and answer what was known of the step before; None for a first try.

        One that is *done* is left alone: use its answer. One that is *unknown* began, has no ending and runs no more: its check
        settles it. With `decided`, for the lists behind a decision, only the fencing number counts. `on_behalf_of` names the
        deployment that must be allowed to go on, where the step is remembered under another name (`release:<digest>`).
        `about` goes into the event, for those who follow it: title, phase, wave. `message` is one to the record that a first try
        brings along, taken in the same write where the rules allow it: what the record says afterwards counts.
        Raises AgentError: the codes of `decide.permits`, and `busy` while the same step still runs. `now` is the boot clock.
        """
        driver = on_behalf_of or deployment
        with self._writing():
            reply = decide.permits(self._member(), driver, fence, now, decided=decided)
            if not reply["ok"]:
                raise AgentError(
                    reply["code"], decide.why_not(reply, driver), **{k: v for k, v in reply.items() if k not in ("ok", "code")}
                )
            before = self._ended(deployment, key)
            if before is not None and before.state == "done":
                return before
            if before is not None and before.alive:
                raise AgentError("busy", f"step {key} of {deployment} still runs here", deployment=deployment, key=key, since=before.at)
            pid = os.getpid()
            row = (deployment, key, fence, "intent", clock.wall_now(), "{}", pid, clock.process_start(pid))
            self._db.execute("INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            of = {"of": driver} if driver != deployment else {}
            self._append("step", deployment, {"key": key, "state": "intent", "fence": fence, **of, **(about or {})})
            if message is not None and before is None:
                self._decide(message, now)
            return before

    def end_step(
        self, deployment: str, key: str, state: str, data: Mapping[str, Any], *, about: Optional[Mapping[str, Any]] = None
    ) -> None:
        """Write how a step ended: `done` with its answer, `failed` with its error, or `unknown`. `about` goes into the event."""
        with self._writing():
            self._db.execute(
                "UPDATE steps SET state = ?, at = ?, json = ? WHERE deployment = ? AND key = ?",
                (state, clock.wall_now(), _canonical(data), deployment, key),
            )
            self._append("step", deployment, {"key": key, "state": state, "data": data, **(about or {})})

    def busy(self) -> List[Step]:
        """Steps that run now. Those whose process is gone without an ending become *unknown* here."""
        if not self._rows("SELECT 1 FROM steps WHERE state = 'intent' LIMIT 1"):
            return []
        with self._writing():
            return self._busy()

    # ------------------------------------------------------------ processes

    def processes(self, generation: Optional[int] = None) -> List[ProcessRow]:
        """The rows of one generation, or all, in order."""
        rows = self._rows(
            "SELECT * FROM processes WHERE ? IS NULL OR generation = ? ORDER BY generation, name, instance", (generation, generation)
        )
        return [_process(row) for row in rows]

    def process(self, generation: int, name: str, instance: int) -> Optional[ProcessRow]:
        """One row, None where there is none."""
        where = (generation, name, instance)
        rows = self._rows("SELECT * FROM processes WHERE generation = ? AND name = ? AND instance = ?", where)
        return _process(rows[0]) if rows else None

    def put_process(self, row: ProcessRow) -> None:
        """Write a row, over the one with the same generation, name and instance.

        As all that is written of processes, it outlives whoever wrote it and no loss of power, which no process outlives either.
        """
        with self._writing(synced=False):
            self._db.execute("INSERT OR REPLACE INTO processes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(row))

    def hand_over_process(self, row: ProcessRow, generation: int) -> ProcessRow:
        """Make a row that of another generation, in one write: whoever dies, its process has one row. The row as it is now."""
        token = row.token if "@" in row.token else f"{row.token}@{row.generation}"
        new, where = (generation, token), (row.generation, row.name, row.instance)
        with self._writing(synced=False):
            self._db.execute(
                "UPDATE processes SET generation = ?, token = ? WHERE generation = ? AND name = ? AND instance = ?", (*new, *where)
            )
        return replace(row, generation=generation, token=token)

    def delete_process(self, generation: int, name: str, instance: int) -> None:
        """Forget a row; nothing where there is none."""
        with self._writing(synced=False):
            self._db.execute("DELETE FROM processes WHERE generation = ? AND name = ? AND instance = ?", (generation, name, instance))

    # ----------------------------------------------------------------- meta

    def meta(self, key: str) -> Optional[str]:
        """A small fact of this root under its name, None where it was never set."""
        with self._told():
            return self._meta(key)

    def set_meta(self, key: str, value: Optional[str], *, synced: bool = True, over: Optional[str] = None) -> None:
        """Set a small fact, or forget it with None; given `over`, only while it is that. Not `synced`: a loss of power may take it back."""
        with self._writing(synced=synced):
            if over is None or self._meta(key) == over:
                self._set_meta(key, value)

    # ---------------------------------------------- for those with a table here

    def rows(self, query: str, values: Tuple[Any, ...] = ()) -> List[Tuple[Any, ...]]:
        """What a query finds."""
        return self._rows(query, values)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What the calls in the block write is written at once, with one wait for the disk; or nothing of it. Not to be nested."""
        with self._writing():
            self._together = True
            try:
                yield
            finally:
                self._together = False

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything in the block is written, or nothing."""
        with self._writing():
            yield self._db

    def append(self, kind: str, deployment: str, data: Mapping[str, Any]) -> int:
        """`event`, inside a `transaction`."""
        return self._append(kind, deployment, data)

    def member_now(self) -> Member:
        """`member`, inside a `transaction`."""
        return self._member()

    # -------------------------------------------------------------- private

    def _prepare(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for statement in TABLES.split(";"):
                self._db.execute(statement)
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (FORMAT,))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def _refuse_other_format(self) -> None:
        """Looked at before anything is written: what a newer Shipway made is left as it is."""
        if self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
            return
        found = self._meta("format")
        if found is not None and found != FORMAT:
            newer = found.isdigit() and int(found) > int(FORMAT)
            message = (
                f"{self.path} {'was written by a newer Shipway: it ' if newer else ''}has format {found}; this agent reads format {FORMAT}"
            )
            raise AgentError("format", message, path=self.path, format=found)

    def _member(self) -> Member:
        found = self._db.execute("SELECT json FROM member WHERE id = 1").fetchone()
        if found is None:
            return Member("")
        text = str(found[0])
        if text != self._read[0]:
            if text.startswith(SEALED) and _digest("{" + text[SEAL_ENDS:]) != text[len(SEALED) : SEAL_ENDS - 2]:
                raise self._damaged("this host's record")
            self._read = text, decide.from_json(self._load(text, "this host's record"))
        return self._read[1]

    def _save(self, member: Member) -> None:
        text = _canonical(decide.to_json(member))
        self._db.execute("INSERT OR REPLACE INTO member VALUES (1, ?)", (f'{SEALED}{_digest(text)}",{text[1:]}',))
        for attempt in member.attempts:
            if attempt.stage == COMMITTED:
                self._db.execute("INSERT OR IGNORE INTO good VALUES (?, ?)", (attempt.target, attempt.deployment))
            elif attempt.stage == REVERTED and attempt.term:  # it may have been committed here under a lower term
                self._db.execute("DELETE FROM good WHERE generation = ? AND deployment = ?", (attempt.target, attempt.deployment))

    def _decide(self, message: Mapping[str, Any], now: float) -> Reply:
        before = self._member()
        after, reply = decide.handle(before, message, now)
        if message["do"] == "lease" and reply["ok"]:  # who holds it says more than what runs for him
            others = [step for step in self._busy() if step.deployment != message["deployment"]]
            if others:
                return {"ok": False, "code": "busy", "deployment": others[0].deployment, "key": others[0].key, "since": others[0].at}
        if after != before:
            self._save(after)
            self._put_into_outbox(before, after, message, now)
        asked_again = message["do"] in QUIET or reply.get("restoring") is not None
        if not asked_again or _stages(after) != _stages(before):
            known = set(_stages(before)[1])
            moved = {of: stage for of, stage in _stages(after)[1] if (of, stage) not in known}
            told = {"message": _without_secrets(message), "reply": reply, **({"moved": moved} if moved else {})}
            self._append("member", str(message.get("deployment", "")), told)
        return reply

    def _put_into_outbox(self, before: Member, after: Member, message: Mapping[str, Any], now: float) -> None:
        """What people should hear of this is written with it, or neither is."""
        for moment in moments(before, after, message, now):
            from shipway_agent.notifications import box  # only a deployment's end needs it

            box.put(self._db, self.root, after, moment, message)

    def _append(self, kind: str, deployment: str, data: Mapping[str, Any]) -> int:
        last = self._db.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        seq, previous = (last[0] + 1, last[1]) if last else (1, "")
        at, text = clock.wall_now(), _canonical(data)
        link = _link(previous, seq, at, deployment, kind, text)
        self._newest = seq
        self._db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", (seq, at, deployment, kind, text, previous, link))
        self._set_meta("head", link)
        return int(seq)

    def _verify(self, newest: Optional[int]) -> None:
        cut = self._load(self._meta(CUT) or "{}", "the cut")
        seq, previous = int(cut.get("seq", 0)), str(cut.get("hash", ""))
        before = newest and self._db.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1 OFFSET ?", (newest,)).fetchone()
        if before:
            seq, previous = before
        told_cut: Mapping[str, Any] = {} if not before else cut
        steps: Dict[Tuple[str, str], Mapping[str, Any]] = {}
        rows = "SELECT seq, at, deployment, kind, json, previous, hash FROM events WHERE seq > ? ORDER BY seq"
        for row in self._db.execute(rows, (seq if before else -(2**63),)):
            seq += 1
            if row[0] != seq or row[5] != previous or row[6] != _link(previous, *row[:5]):
                raise Tampered(seq, self.path)
            previous = row[6]
            if row[3] == CUT:
                told_cut = json.loads(row[4])
            if row[3] == "step":
                told = json.loads(row[4])
                steps[row[2], told["key"]] = told
        if (self._meta("head") or "") != previous:
            raise Tampered(seq + 1, self.path)
        if told_cut != cut:
            raise Tampered(int(cut.get("seq", 0)), self.path)
        self._member()
        for deployment, key, state, text in self._told_steps(steps if before else None):
            told = steps.get((deployment, key), {})
            if (cut or before) and not told:
                continue
            # What was under way at a reboot became unknown without an event of its own; what became unknown keeps what it had.
            ended = state == told.get("state") or (state == "unknown" and told.get("state") == "intent")
            if not ended or (state in ("done", "failed") and text != _canonical(told["data"])):
                raise self._damaged(f"step {key} of {deployment}")

    def _told_steps(self, those: Optional[Mapping[Tuple[str, str], Any]]) -> Iterator[Tuple[str, str, str, str]]:
        """All steps, or only those."""
        if those is None:
            yield from self._db.execute("SELECT deployment, key, state, json FROM steps")
            return
        for where in those:
            yield from self._db.execute("SELECT deployment, key, state, json FROM steps WHERE deployment = ? AND key = ?", where)

    def _busy(self) -> List[Step]:
        begun = [self._step(row) for row in self._db.execute("SELECT * FROM steps WHERE state = 'intent' ORDER BY at").fetchall()]
        for step in begun:
            if not step.alive:
                self._ended(step.deployment, step.key)
        return [step for step in begun if step.alive]

    def _ended(self, deployment: str, key: str) -> Optional[Step]:
        """The step as it is now: an intent whose process is gone is *unknown* from here on."""
        row = self._db.execute("SELECT * FROM steps WHERE deployment = ? AND key = ?", (deployment, key)).fetchone()
        if row is None:
            return None
        step = self._step(row)
        if step.state == "intent" and not step.alive:
            self._db.execute("UPDATE steps SET state = 'unknown' WHERE deployment = ? AND key = ?", (deployment, key))
            self._append("step", deployment, {"key": key, "state": "unknown"})
            return replace(step, state="unknown")
        return step

    def _meta(self, key: str) -> Optional[str]:
        found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(found[0]) if found else None

    def _set_meta(self, key: str, value: Optional[str]) -> None:
        if value is None:
            self._db.execute("DELETE FROM meta WHERE key = ?", (key,))
        else:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _rows(self, query: str, values: Tuple[Any, ...] = ()) -> List[Tuple[Any, ...]]:
        with self._told():
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _writing(self, *, synced: bool = True) -> Iterator[None]:
        """All of the block, or nothing of it. Not `synced`, it waits for no disk, and is on it with the next one that does."""
        if self._together:
            yield
            return
        with self._told():
            if not synced:
                self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._newest = 0
                yield
                self._db.execute("COMMIT")
                if self._newest and synced:  # the mark must never be ahead of the disk
                    witness.mark(self.root, self._newest)
            except BaseException:
                # SQLite ends the transaction itself on some faults, a full disk among them.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            finally:
                if not synced:
                    self._db.execute("PRAGMA synchronous=FULL")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with naming(self.path):
                yield
        except sqlite3.Error as error:
            raise self._fault(error) from error

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
        return AgentError("journal", f"{self.path}: {says}; {witness.way_out(self.root)}", path=self.path)

    def _damaged(self, what: str) -> AgentError:
        return AgentError("journal", f"{self.path}: {what} is not what was written; {witness.way_out(self.root)}", path=self.path)

    def _load(self, text: str, what: str) -> Dict[str, Any]:
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise self._damaged(what)
        return value

    def _step(self, row: Tuple[Any, ...]) -> Step:
        deployment, key, fence, state, at, text, pid, pid_start = row
        return Step(deployment, key, fence, state, at, self._load(text, f"step {key} of {deployment}"), pid, pid_start)


def _process(row: Tuple[Any, ...]) -> ProcessRow:
    found = ProcessRow(*row)
    return replace(found, healthy=bool(found.healthy), wanted=bool(found.wanted))


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=32).hexdigest()


def _stages(member: Member) -> Tuple[Optional[int], Tuple[Tuple[str, str], ...]]:
    return member.current, tuple((a.deployment, a.stage) for a in member.attempts)


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _without_secrets(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if "document" not in message:
        return message
    return {**message, "document": {key: value for key, value in message["document"].items() if key not in SECRETS}}


def _link(previous: str, seq: int, at: float, deployment: str, kind: str, text: str) -> str:
    """The hash of an event: of the hash before it, and of every column of its own."""
    return _digest(json.compact([previous, seq, at, deployment, kind, text]))
