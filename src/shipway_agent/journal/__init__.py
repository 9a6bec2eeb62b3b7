"""A root in, its memory out: the host's record, the chain of events, steps and processes; durable when a call returns.

This is what the rest of the agent sees; one file each has the connection, the chain, the steps and the processes.
"""

from __future__ import annotations

from contextlib import contextmanager

from shipway_agent import clock, decide
from shipway_agent.decide import Member, Reply
from shipway_agent.errors import AgentError
from shipway_agent.journal import chain, processes, steps
from shipway_agent.journal.chain import CUT, Tampered
from shipway_agent.journal.connection import DAMAGE, FILE, FORMAT, Connection
from shipway_agent.journal.processes import ProcessRow
from shipway_agent.journal.steps import Step
from shipway_agent.notifications.moments import moments
from shipway_agent.record import replace
from shipway_agent.root import Root
from shipway_agent.states import COMMITTED, REVERTED
from shipway_agent.typed import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Tuple

if TYPE_CHECKING:
    import sqlite3

__all__ = ["AGENT", "CANNOT_ASK", "CUT", "FILE", "FORMAT", "PEER_PORT", "Journal", "ProcessRow", "Step", "Tampered"]

PEER_PORT = "peer_port"
"""Row of meta that holds the port while a host listens for questions; reopened on the same one after a reboot."""

CANNOT_ASK = "cannot_ask"
"""Row of meta that says why this host could not ask its lead in the last deployment; none where it could."""

AGENT = "supervisor_agent"
"""Row of meta: the hash of the agent that supervises."""

QUIET = frozenset({"tick", "renew", "ask"})
"""Messages that are no event when they change nothing but times: a minute of a deployment sends hundreds of them."""

SEALED = '{"digest":"'
SEAL_ENDS = len(SEALED) + 64 + 2
"""The record begins with the digest of all that follows. Agents that know nothing of it read over it, and write records without one."""

SECRETS = frozenset({"peer_key"})
"""Keys of a lease's document that stay out of the events, which leave the host."""


class Journal:
    """One connection to a root's journal, of one thread at a time. A call that returns has its writes on disk.

    Opening it is also how a reboot is noticed: the first to open it in a new boot applies the rule *boot*. Raises AgentError:
    `journal` for a damaged file and for one that has lost what it had, `format` for a newer one, which is left as it is, `disk-full`,
    `read-only`, `io`, `busy` after 10 s.
    """

    def __init__(self, root: Root) -> None:
        self.root = root
        self._file = Connection(root)
        self.path = self._file.path
        self._read: Tuple[Optional[str], Member] = None, Member("")
        try:
            self.note_boot(clock.boot_id(), clock.boot_now())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------- the record

    def member(self) -> Member:
        """The record as stored; its name is empty before the first hello."""
        found = self._file.rows("SELECT json FROM member WHERE id = 1")
        if not found:
            return Member("")
        text = str(found[0][0])
        if text != self._read[0]:
            if text.startswith(SEALED) and chain.digest("{" + text[SEAL_ENDS:]) != text[len(SEALED) : SEAL_ENDS - 2]:
                raise self._file.damaged("this host's record")
            self._read = text, decide.from_json(self._file.load(text, "this host's record"))
        return self._read[1]

    def name_member(self, name: str) -> None:
        """Give this root its host's name. Raises AgentError `name` when it has another: one root belongs to one host."""
        with self._file.writing():
            member = self.member()
            if member.name == name:
                return
            if member.name:
                raise AgentError(
                    "name", f"{self.root.path} belongs to host {member.name!r}, not {name!r}", path=self.root.path, name=member.name
                )
            self._save(replace(member, name=name))
            chain.append(self._file, "named", "", {"name": name})

    def decide(self, message: Mapping[str, Any], now: float) -> Reply:
        """Answer one message by the rules and keep the new record. `now` is the boot clock.

        A lease is refused with code `busy` while a step of another deployment still runs here.
        """
        if message["do"] in QUIET:
            before = self.member()
            after, reply = decide.handle(before, message, now)
            if after == before:
                return reply
        with self._file.writing():
            return self._decide(message, now)

    def good(self) -> List[int]:
        """Numbers of the generations that were committed, newest first."""
        return [row[0] for row in self._file.rows("SELECT generation FROM good ORDER BY generation DESC")]

    def note_boot(self, boot_id: str, now: float) -> bool:
        """Remember which boot this is. True when it is another than the last; the rule *boot* has then been applied. `now`: boot clock."""
        if self.meta("boot") == boot_id:
            return False
        with self._file.writing():
            before = self.meta("boot")
            if before == boot_id:
                return False
            self._file.set_meta("boot", boot_id)
            if before is None:
                return False
            chain.append(self._file, "boot", "", {"before": before, "after": boot_id})
            self._decide({"do": "boot"}, now)
            steps.end_all(self._file)
            return True

    # --------------------------------------------------------------- events

    def event(self, kind: str, deployment: str, data: Mapping[str, Any], *, synced: bool = True) -> int:
        """Append an event and answer its number. `data` holds JSON values and no secret.

        Not `synced`, for what is only told: a loss of power before the next write that is may take it along, and its number is given anew.
        """
        with self._file.writing(synced=synced):
            return chain.append(self._file, kind, deployment, data)

    def changes(self) -> int:
        """A number that is another one once somebody else has written since it was last asked. Costs next to nothing."""
        return int(self._file.rows("PRAGMA data_version")[0][0])

    def events(
        self, since: int = 0, deployment: Optional[str] = None, limit: int = 1000, kind: Optional[str] = None
    ) -> List[Dict[str, Any]]:
        """Events with a number above `since`, oldest first: {seq, at, deployment, kind, data}; of one deployment or kind where named."""
        return chain.events(self._file, since, deployment, limit, kind)

    def newest(self) -> int:
        """The number of the newest event, 0 before the first."""
        return chain.newest(self._file)[0]

    def verify(self, newest: Optional[int] = None) -> None:
        """Read everything; or, of a journal that was read whole before, so many of the newest events with their steps.

        Raises Tampered: the number of the first event that is missing or not what was written; `journal` for what the file itself, the
        record or a step shows to be damaged.
        """
        if newest is None:
            self._verify_pages()
        with self._file.reading():
            self._verify(chain.before_newest(self._file, newest) if newest else None)
        if newest is None:
            self._forget_damage()

    def verify_for_vote(self) -> None:
        """Read what no vote has read, as `verify` does; everything before the first vote of a day, of a boot and of another file, and where
        damage was found.
        """
        from shipway_agent.journal import votes  # few sessions vote

        last = None if self.damage() else votes.last_read(self._file)
        self._verify_pages(*(() if last is None else votes.TABLES))
        read, since = last or (None, clock.boot_now())
        with self._file.reading():
            self._verify(read)
            newest = chain.newest(self._file)
        votes.note_read(self._file, newest, since)
        if last is None:
            self._forget_damage()

    def damage(self) -> str:
        """What was found damaged here and has not been found sound since, a sentence; "" where nothing was. Costs next to nothing."""
        if self.root.stat(DAMAGE) is None:
            return ""
        from shipway_agent.journal import damage  # few journals are

        return damage.noted(self.root)

    # ---------------------------------------------------------------- steps

    def step(self, deployment: str, key: str) -> Optional[Step]:
        """What is known of a step, None where it never began."""
        return steps.find(self._file, deployment, key)

    def steps(self, deployment: str) -> List[Step]:
        """All steps of a deployment, in the order in which they last began."""
        return steps.of(self._file, deployment)

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
        with self._file.writing():
            reply = decide.permits(self.member(), driver, fence, now, decided=decided)
            if not reply["ok"]:
                raise AgentError(
                    reply["code"], decide.why_not(reply, driver), **{k: v for k, v in reply.items() if k not in ("ok", "code")}
                )
            of = {"of": driver} if driver != deployment else {}
            before = steps.begin(self._file, deployment, key, fence, {**of, **(about or {})})
            if message is not None and before is None:
                self._decide(message, now)
            return before

    def end_step(
        self, deployment: str, key: str, state: str, data: Mapping[str, Any], *, about: Optional[Mapping[str, Any]] = None
    ) -> None:
        """Write how a step ended: `done` with its answer, `failed` with its error, or `unknown`. `about` goes into the event."""
        with self._file.writing():
            steps.end(self._file, deployment, key, state, data, about or {})

    def busy(self) -> List[Step]:
        """Steps that run now. Those whose process is gone without an ending become *unknown* here."""
        if not self._file.rows("SELECT 1 FROM steps WHERE state = 'intent' LIMIT 1"):
            return []
        with self._file.writing():
            return steps.running(self._file)

    # ------------------------------------------------------------ processes

    def processes(self, generation: Optional[int] = None) -> List[ProcessRow]:
        """The rows of one generation, or all, in order."""
        return processes.of(self._file, generation)

    def process(self, generation: int, name: str, instance: int) -> Optional[ProcessRow]:
        """One row, None where there is none."""
        return processes.find(self._file, generation, name, instance)

    def put_process(self, row: ProcessRow) -> None:
        """Write a row, over the one with the same generation, name and instance. As all that is written of processes, it outlives whoever
        wrote it, and no loss of power.
        """
        processes.put(self._file, row)

    def hand_over_process(self, row: ProcessRow, generation: int) -> ProcessRow:
        """Make a row that of another generation, in one write: whoever dies, its process has one row. The row as it is now."""
        return processes.hand_over(self._file, row, generation)

    def delete_process(self, generation: int, name: str, instance: int) -> None:
        """Forget a row; nothing where there is none."""
        processes.delete(self._file, generation, name, instance)

    # ----------------------------------------------------------------- meta

    def meta(self, key: str) -> Optional[str]:
        """A small fact of this root under its name, None where it was never set."""
        return self._file.meta(key)

    def set_meta(self, key: str, value: Optional[str], *, synced: bool = True, over: Optional[str] = None) -> None:
        """Set a small fact, or forget it with None; given `over`, only while it is that. Not `synced`: a loss of power may take it back."""
        with self._file.writing(synced=synced):
            if over is None or self.meta(key) == over:
                self._file.set_meta(key, value)

    # ---------------------------------------------- for those with a table here

    def rows(self, query: str, values: Tuple[Any, ...] = ()) -> List[Tuple[Any, ...]]:
        """What a query finds."""
        return self._file.rows(query, values)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """What the block writes, the calls of this journal in it too, is written at once, with one wait for the disk; or nothing of it."""
        with self._file.writing():
            yield self._file.db

    # -------------------------------------------------------------- private

    def _save(self, member: Member) -> None:
        text = chain.canonical(decide.to_json(member))
        self._file.db.execute("INSERT OR REPLACE INTO member VALUES (1, ?)", (f'{SEALED}{chain.digest(text)}",{text[1:]}',))
        for attempt in member.attempts:
            if attempt.stage == COMMITTED:
                self._file.db.execute("INSERT OR IGNORE INTO good VALUES (?, ?)", (attempt.target, attempt.deployment))
            elif attempt.stage == REVERTED and attempt.term:  # it may have been committed here under a lower term
                self._file.db.execute("DELETE FROM good WHERE generation = ? AND deployment = ?", (attempt.target, attempt.deployment))

    def _decide(self, message: Mapping[str, Any], now: float) -> Reply:
        before = self.member()
        after, reply = decide.handle(before, message, now)
        if message["do"] == "lease" and reply["ok"]:  # who holds it says more than what runs for him
            others = [step for step in steps.running(self._file) if step.deployment != message["deployment"]]
            if others:
                return {"ok": False, "code": "busy", "deployment": others[0].deployment, "key": others[0].key, "since": others[0].at}
        if after != before:
            self._save(after)
            self._put_into_outbox(before, after, message, now)
        asked_again = message["do"] in QUIET or reply.get("restoring") is not None or self._waits(message, reply)
        if not asked_again or _stages(after) != _stages(before):
            known = set(_stages(before)[1])
            moved = {of: stage for of, stage in _stages(after)[1] if (of, stage) not in known}
            told = {"message": _without_secrets(message), "reply": reply, **({"moved": moved} if moved else {})}
            chain.append(self._file, "member", str(message.get("deployment", "")), told)
        return reply

    def _waits(self, message: Mapping[str, Any], reply: Reply) -> bool:
        """Whether this asks once more for a lease that another has: a driver that waits does so twice a second."""
        held = message["do"] == "lease" and reply.get("code") == "held"
        return held and bool(chain.events(self._file, 0, message["deployment"], 1, "member"))

    def _put_into_outbox(self, before: Member, after: Member, message: Mapping[str, Any], now: float) -> None:
        """What people should hear of this is written with it, or neither is."""
        for moment in moments(before, after, message, now):
            from shipway_agent.notifications import box  # only a deployment's end needs it

            box.put(self._file.db, self.root, after, moment, message)

    def _verify_pages(self, *tables: str) -> None:
        """All pages, or those of some tables and their indexes; of all where SQLite is older than 3.33."""
        for what in tables or ("1",):
            if self._file.rows(f"PRAGMA integrity_check({what})")[0][0] != "ok":
                raise self._file.damaged("a page of it")

    def _forget_damage(self) -> None:
        if self.root.stat(DAMAGE) is not None:
            self.root.unlink(DAMAGE)

    def _verify(self, after: Optional[chain.Link]) -> None:
        try:
            told = chain.verify(self._file, after)
        except Tampered as error:
            self._file.note_damage(error.message)
            raise
        self.member()
        steps.verify(self._file, told, whole=after is None)


def _stages(member: Member) -> Tuple[Optional[int], Tuple[Tuple[str, str], ...]]:
    return member.current, tuple((a.deployment, a.stage) for a in member.attempts)


def _without_secrets(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if "document" not in message:
        return message
    return {**message, "document": {key: value for key, value in message["document"].items() if key not in SECRETS}}
