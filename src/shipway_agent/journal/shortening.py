"""A journal in; out, the same without the events of deployments long settled: behind a recorded cut, from which the chain still holds."""

from __future__ import annotations

from shipway_agent import json_text as json
from shipway_agent.decide import KEPT_ATTEMPTS
from shipway_agent.journal import CUT, Journal
from shipway_agent.journal.steps import RELEASE
from shipway_agent.states import DECISIONS, DISCARDED
from shipway_agent.typed import AbstractSet, Optional

KEPT_DEPLOYMENTS = 200
"""Deployments whose events a host keeps: more than KEPT_ATTEMPTS, for what the record remembers is asked for in the events."""

SLACK = 20
"""Deployments more than that before anything is cut: each cut rewrites pages, and not every deployment should."""

FIRSTS = (
    """SELECT min(seq), deployment FROM events WHERE deployment != '' AND deployment NOT LIKE 'release:%' GROUP BY deployment ORDER BY 1"""
)

assert KEPT_DEPLOYMENTS > KEPT_ATTEMPTS


def shorten(journal: Journal, releases: AbstractSet[str], *, keep: int = KEPT_DEPLOYMENTS, slack: int = SLACK) -> int:
    """Drop the events before those of the newest `keep` deployments, and the steps of deployments of which nothing is left. Their number.

    Nothing of a deployment that is not settled goes, nor what comes after its first event. `releases` are those on this host: what was
    done once for them stays remembered. The cut is an event itself: number and hash of the last one that went.
    """
    with journal.transaction() as db:
        firsts = db.execute(FIRSTS).fetchall()
        if len(firsts) <= keep + slack:
            return 0
        settled = {a.deployment for a in journal.member().attempts if a.stage in DECISIONS or a.stage == DISCARDED}
        unsettled = {a.deployment for a in journal.member().attempts} - settled
        first_kept = min([firsts[-keep][0], *(seq for seq, deployment in firsts if deployment in unsettled)])
        last: Optional[tuple[int, str]] = db.execute(
            "SELECT seq, hash FROM events WHERE seq < ? ORDER BY seq DESC LIMIT 1", (first_kept,)
        ).fetchone()
        if last is None:
            return 0
        gone = int(db.execute("SELECT count(*) FROM events WHERE seq <= ?", (last[0],)).fetchone()[0])
        cut = {"seq": last[0], "hash": last[1]}
        journal.event(CUT, "", cut)
        db.execute("DELETE FROM events WHERE seq <= ?", (last[0],))
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (CUT, json.dumps(cut, sort_keys=True)))
        known = {row[0] for row in db.execute("SELECT DISTINCT deployment FROM events")} | settled | unsettled
        for (deployment,) in db.execute("SELECT DISTINCT deployment FROM steps").fetchall():
            there = deployment[len(RELEASE) :] in releases if deployment.startswith(RELEASE) else deployment in known
            if not there:
                db.execute("DELETE FROM steps WHERE deployment = ?", (deployment,))
        db.execute("DELETE FROM good WHERE generation NOT IN (SELECT generation FROM good ORDER BY generation DESC LIMIT ?)", (keep,))
    return gone
