"""A journal's connection in; out, its events: appended, each with the hash of the one before; read; and compared with what was written."""

from __future__ import annotations

from shipway_agent import clock
from shipway_agent import json_text as json
from shipway_agent.blake import blake2b
from shipway_agent.errors import AgentError
from shipway_agent.journal.connection import Connection
from shipway_agent.journal.tables import EVENTS
from shipway_agent.typed import Any, Dict, List, Mapping, Optional, Tuple

HEAD = "head"
"""Row of meta: the hash of the newest event."""

CUT = "cut"
"""Kind of the event, and row of meta, that say up to which event the journal was shortened (shortening.py)."""


class Tampered(AgentError):
    """The chain of events is broken at `seq`: somebody changed, removed or added a row by hand."""

    def __init__(self, seq: int, path: str) -> None:
        message = f"{path}: event {seq} is not what was written; the disk has changed it, or somebody by hand"
        super().__init__("tampered", message, seq=seq, path=path)
        self.seq = seq


Link = Tuple[int, str]
"""An event's number and its hash, which stands for all before it as well."""

Told = Dict[Tuple[str, str], Mapping[str, Any]]
"""By deployment and key, what the last event about a step says of it."""


def append(journal: Connection, kind: str, deployment: str, data: Mapping[str, Any]) -> int:
    """Write an event behind the newest, in a block of `writing`. Its number."""
    last, previous = newest(journal)
    seq, at, text = last + 1, clock.wall_now(), canonical(data)
    link = _hash((previous, seq, at, deployment, kind, text))
    journal.db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", (seq, at, deployment, kind, text, previous, link))
    journal.set_meta(HEAD, link)
    journal.appended = seq
    return seq


def begin_again(journal: Connection, seq: int) -> None:
    """Have the chain of a journal without events go on behind `seq`, the last of those that were lost, in a block of `writing`."""
    cut = {"seq": seq, "hash": digest(f"lost up to {seq}")}
    at, text = clock.wall_now(), canonical(cut)
    link = _hash((cut["hash"], seq + 1, at, "", CUT, text))
    journal.db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", (seq + 1, at, "", CUT, text, cut["hash"], link))
    journal.set_meta(HEAD, link)
    journal.set_meta(CUT, json.dumps(cut, sort_keys=True))
    journal.appended = seq + 1


def newest(journal: Connection) -> Link:
    """The newest event, number 0 before the first."""
    return before_newest(journal, 0) or (0, "")


def before_newest(journal: Connection, count: int) -> Optional[Link]:
    """The event before the newest `count`; None where there are no more than those."""
    found = journal.rows("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1 OFFSET ?", (count,))
    return (int(found[0][0]), str(found[0][1])) if found else None


def events(journal: Connection, since: int, deployment: Optional[str], limit: int, kind: Optional[str]) -> List[Dict[str, Any]]:
    """What `Journal.events` answers."""
    named = tuple(value for value in (deployment, kind) if value is not None)
    rows = journal.rows(EVENTS[deployment is not None, kind is not None], (since, *named, limit))
    return [
        {"seq": seq, "at": at, "deployment": of, "kind": kind, "data": journal.load(text, f"event {seq}")}
        for seq, at, of, kind, text in rows
    ]


def verify(journal: Connection, after: Optional[Link] = None) -> Told:
    """Compare each event behind `after`, or every one, with its hash and the one before; what they tell of steps. Raises Tampered."""
    cut = journal.load(journal.meta(CUT) or "{}", "the cut")
    seq, previous = after or (int(cut.get("seq", 0)), str(cut.get("hash", "")))
    told_cut: Mapping[str, Any] = cut if after else {}
    steps: Told = {}
    rows = "SELECT previous, seq, at, deployment, kind, json, hash FROM events WHERE seq > ? ORDER BY seq"
    for row in journal.db.execute(rows, (seq if after else -(2**63),)):
        seq += 1
        if row[1] != seq or row[0] != previous or row[6] != _hash(row[:6]):
            raise Tampered(seq, journal.path)
        previous, kind = row[6], row[4]
        if kind == "step":
            told = json.loads(row[5])
            steps[row[3], told["key"]] = told
        elif kind == CUT:
            told_cut = json.loads(row[5])
    if (journal.meta(HEAD) or "") != previous:
        raise Tampered(seq + 1, journal.path)
    if told_cut != cut:
        raise Tampered(int(cut.get("seq", 0)), journal.path)
    return steps


def canonical(value: Mapping[str, Any]) -> str:
    """The one text of an object."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(text: str) -> str:
    """64 characters that stand for a text."""
    return blake2b(text.encode(), digest_size=32).hexdigest()


def _hash(columns: Tuple[Any, ...]) -> str:
    """The hash of an event: of the hash before it, and of every column of its own."""
    return digest(json.compact(columns))
