"""A journal's connection in; out, up to which event this host's votes have read it, so that the next one reads what came since.

As with a tree (decision 0034): what was read is not read again while nothing says that it may be another. The file is the same one, the
machine has not restarted, and the first of these votes, which read everything, was less than a day ago.
"""

from __future__ import annotations

from shipway_agent import clock
from shipway_agent.journal.chain import Link, canonical
from shipway_agent.journal.connection import FILE, Connection
from shipway_agent.typed import Any, Dict, Optional, Tuple

READ = "read"
"""Row of meta: number and hash of that event, which file, which boot, and since when on its clock."""

TABLES = ("member", "good", "steps", "processes")
"""What a deployment decides by: small, so each vote reads their pages."""

WHOLE_SECONDS = 86400.0
"""When everything was read so long ago, it is read again."""


def last_read(journal: Connection) -> Optional[Tuple[Link, float]]:
    """The last event that votes have read, and when they read everything before, in seconds of the boot clock; None where they have not."""
    said = journal.load(journal.meta(READ) or "{}", "what votes have read")
    since = said.get("since")
    if not isinstance(since, float) or not 0 <= clock.boot_now() - since < WHOLE_SECONDS:
        return None
    if _where(journal) != {name: said.get(name) for name in ("file", "boot")}:
        return None
    for seq, found in journal.rows("SELECT seq, hash FROM events WHERE seq = ? AND hash = ?", (said.get("seq"), said.get("hash"))):
        return (seq, found), since
    return None


def note_read(journal: Connection, link: Link, since: float) -> None:
    """Note that a vote has read up to an event, and when everything was read. It waits for no disk: a loss of power ends the boot."""
    with journal.writing(synced=False):
        journal.set_meta(READ, canonical({"seq": link[0], "hash": link[1], **_where(journal), "since": since}))


def _where(journal: Connection) -> Dict[str, Any]:
    file = journal.root.stat(FILE)
    return {"file": f"{file.st_dev}:{file.st_ino}" if file else None, "boot": clock.boot_id()}
