"""A number and a bound in, the events of this host behind that number out: at once, or as soon as one is written."""

from __future__ import annotations

import time

from shipway_agent import clock
from shipway_agent.call import Call
from shipway_agent.journal import Journal
from shipway_agent.progress import progress
from shipway_agent.typed import Any, Dict

AT_A_TIME = 200

LOOK_SECONDS = 0.1
"""Between two looks at whether anybody has written: one question to SQLite about one number, 10 µs."""

STIR_SECONDS = 2.0
"""An answer without any event comes this often at least, for a lease that runs out writes none."""


def follow(call: Call) -> Dict[str, Any]:
    """{"events", "seq", "more", "progress"}: events above `since`, oldest first, and how far `deployment` is here (progress.py).

    `seq` is the `since` of the next question; without `since` it begins with the first event of the deployment. `more` says that there
    are more than fit. Waits `wait_seconds` at most, never longer than 2 s. It writes nothing and holds no lock, so that what is followed
    does not notice.
    """
    deployment = str(call.args["deployment"])
    since = _beginning(call.journal, deployment) if call.args.get("since") is None else int(call.args["since"])
    until = time.monotonic() + min(float(call.args.get("wait_seconds", 0.0)), STIR_SECONDS)
    while True:
        changes = call.journal.changes()
        events = call.journal.events(since, limit=AT_A_TIME)
        while not events and time.monotonic() < until and not call.ended.is_set() and call.journal.changes() == changes:
            call.ended.wait(min(LOOK_SECONDS, max(0.0, until - time.monotonic())))
        if events or time.monotonic() >= until or call.ended.is_set():
            break
    # How far it is comes first and the events after it: whoever reads that it is settled has been told how.
    said = progress(call.journal, deployment, clock.boot_now(), clock.wall_now())
    events = call.journal.events(since, limit=AT_A_TIME)
    return {
        "events": events,
        "seq": events[-1]["seq"] if events else since,
        "more": len(events) == AT_A_TIME,
        "progress": said,
    }


def _beginning(journal: Journal, deployment: str) -> int:
    first = journal.events(0, deployment, 1)
    return int(first[0]["seq"]) - 1 if first else journal.newest()
