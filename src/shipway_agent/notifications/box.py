"""Moments in, rows of the journal's outbox out: written with the decision they are about, once for each target, until they are sent.

A row's `state` is waiting, sent or failed. Its `id` goes with the message, so that whoever gets one twice can tell.
"""

from __future__ import annotations

from shipway_agent import json_text as json
from shipway_agent.blake import blake2b
from shipway_agent.decide import Member
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.notifications import kept
from shipway_agent.notifications.entry import entry_of
from shipway_agent.notifications.moments import OCCASIONS, Moment
from shipway_agent.root import Root
from shipway_agent.typed import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

if TYPE_CHECKING:
    import sqlite3

MOST_TRIES = 150
"""About a day: 5 s, doubling to 10 min. Counted and not timed, for clocks jump and hosts restart."""

KEPT_ROWS = 200


class Letter(NamedTuple):
    """One message to one target. `tries` counts those that have begun."""

    id: str
    target: str
    entry: Dict[str, Any]
    tries: int


def put(db: sqlite3.Connection, root: Root, member: Member, moment: Moment, message: Mapping[str, Any], about: str = "") -> None:
    """Write a message for each target that wants it; in the caller's transaction. What is there already stays as it is.

    `about` tells moments of one kind and deployment apart: the process that crashed. Never raises for what is not in the journal:
    a decision does not wait for a file of addresses.
    """
    try:
        targets = [target for target in kept.read(root) if kept.wants(target, OCCASIONS[moment.kind])]
    except (AgentError, KeyError, TypeError):
        return
    if not targets:
        return
    entry = entry_of(db, root, member.name, member.current, moment, message)
    for target in targets:
        parts = [entry["app"], entry["environment"], entry["deployment"], moment.kind, about, member.name, target["id"]]
        name = blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
        row = (name, target["id"], target["name"], json.dumps({"id": name, **entry}))
        db.execute("INSERT OR IGNORE INTO outbox (id, target, name, json) VALUES (?, ?, ?, ?)", row)
    db.execute("DELETE FROM outbox WHERE state != 'waiting' AND rowid <= (SELECT max(rowid) FROM outbox) - ?", (KEPT_ROWS,))


def put_alone(journal: Journal, moment: Moment, message: Mapping[str, Any], about: str = "") -> None:
    """The same for what no message to the record is about."""
    with journal.transaction() as db:
        put(db, journal.root, journal.member(), moment, message, about)


def waiting(journal: Journal) -> List[Tuple[str, int]]:
    """Ids of what is still to be sent and how often that was tried, oldest first."""
    return [(str(row[0]), int(row[1])) for row in journal.rows("SELECT id, tries FROM outbox WHERE state = 'waiting' ORDER BY rowid")]


def untried(journal: Journal) -> int:
    """How many letters wait for the result of their first try."""
    return int(journal.rows("SELECT count(*) FROM outbox WHERE state = 'waiting' AND error = ''")[0][0])


def begin_try(journal: Journal, name: str) -> Optional[Letter]:
    """Count a try before it is made, and answer the letter; None for one that does not wait any more."""
    with journal.transaction() as db:
        db.execute("UPDATE outbox SET tries = tries + 1 WHERE id = ? AND state = 'waiting'", (name,))
        row = db.execute("SELECT id, target, json, tries FROM outbox WHERE id = ? AND state = 'waiting'", (name,)).fetchone()
    return Letter(row[0], row[1], json.loads(row[2]), row[3]) if row is not None else None


def sent(journal: Journal, letter: Letter) -> None:
    """It has arrived."""
    _end(journal, letter, "sent", "")


def not_sent(journal: Journal, letter: Letter, error: str, *, for_good: bool = False) -> None:
    """A try failed, and `error` says why without any part of the target. After MOST_TRIES, or `for_good`, no other is made."""
    _end(journal, letter, "failed" if for_good or letter.tries >= MOST_TRIES else "waiting", error)


def summary(journal: Journal) -> Dict[str, Any]:
    """For FACTS: {"targets", "waiting", "failed", "tries", "last_error"}; of the newest that failed a try. No value is in it."""
    fault = None
    try:
        targets = len(kept.read(journal.root))
    except AgentError as refusal:
        targets, fault = 0, refusal.message
    counts = {str(state): int(count) for state, count in journal.rows("SELECT state, count(*) FROM outbox GROUP BY state")}
    rows = journal.rows("SELECT name, error, tries FROM outbox WHERE state != 'sent' AND error != '' ORDER BY rowid DESC LIMIT 1")
    name, error, tries = rows[0] if rows else ("", "", 0)
    return {
        "targets": targets,
        "waiting": counts.get("waiting", 0),
        "failed": counts.get("failed", 0),
        "tries": int(tries),
        "last_error": fault or (f"{name}: {error}" if error else None),
    }


def _end(journal: Journal, letter: Letter, state: str, error: str) -> None:
    with journal.transaction() as db:
        db.execute("UPDATE outbox SET state = ?, error = ? WHERE id = ? AND state = 'waiting'", (state, error, letter.id))
    if state != "waiting":
        facts = {"id": letter.id, "event": letter.entry.get("event"), "state": state, "tries": letter.tries}
        journal.event("notified", str(letter.entry.get("deployment", "")), {**facts, **({"error": error} if error else {})})
