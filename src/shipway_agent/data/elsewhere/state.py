"""What this host knows of copies elsewhere in, its row of the journal's meta out, and back: so `data list` asks nobody else."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Optional

from shipway_agent.data.declared import Copies
from shipway_agent.journal import Journal
from shipway_agent.record import dataclass

ROW = "copies:"
FIRST_PAUSE_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 3600.0
TRIED_SECONDS = 86400.0
"""How long a place that says no is asked again by the clock; then the next restore point asks again."""


@dataclass(frozen=True)
class Known:
    """One place. `points` are the copies there with their bytes, as they were `listed` last (seconds since the epoch).

    `error` is why the last try failed, "" after a good one; `since` is when the first of such tries was, `tries` how many there were.
    """

    points: Mapping[str, int] = {}
    listed: Optional[float] = None
    error: str = ""
    since: Optional[float] = None
    tries: int = 0

    def again_at(self, now: float) -> Optional[float]:
        """When it is tried next, by the wall clock; None where nobody has to, or nobody does any more."""
        if self.since is None or now - self.since > TRIED_SECONDS:
            return None
        return now + min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self.tries - 1, 10))

    def failed(self, error: str, now: float) -> Known:
        """After one more try that came to nothing."""
        return Known(self.points, self.listed, error, self.since if self.since is not None else now, self.tries + 1)


def read(journal: Journal, name: str) -> Dict[str, Known]:
    """What is known of the copies of one data, by place."""
    found = json.loads(journal.meta(ROW + name) or "{}")
    return {str(to): Known(**fields) for to, fields in found.items()}


def write(journal: Journal, name: str, known: Mapping[str, Known]) -> None:
    """Replace it. A loss of power may take it back: places are listed again."""
    rows = {to: {key: getattr(one, key) for key in ("points", "listed", "error", "since", "tries")} for to, one in known.items()}
    journal.set_meta(ROW + name, json.dumps(rows) if rows else None, synced=False)


def told(known: Mapping[str, Known], copies: List[Copies]) -> List[Dict[str, Any]]:
    """What is told of them: [{"to", "keep", "points": {point: bytes}, "listed", "error", "since"}], as they are declared."""
    rows = [(one, known.get(one.to, Known())) for one in copies]
    return [
        {
            "to": one.to,
            "keep": one.keep,
            "points": dict(there.points),
            "listed": there.listed,
            "error": there.error,
            "since": there.since,
        }
        for one, there in rows
    ]
