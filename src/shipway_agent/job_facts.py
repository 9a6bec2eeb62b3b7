"""A root, its journal and the document of what serves in; out, how each periodic job of this host stands: its last run and its next."""

from __future__ import annotations

from shipway_agent import runs, schedule
from shipway_agent.jobs import own, read
from shipway_agent.journal import Journal
from shipway_agent.timetable import LATE_SECONDS, JobRow, Run
from shipway_agent.typed import Any, Dict, List, Mapping, Optional

OVERDUE_TIMES = 2
"""Times that passed without a run beginning: from so many on, `doctor` says so; more are not counted."""


def job_facts(journal: Journal, host: str, live: Optional[Mapping[str, Any]], now: float) -> List[Dict[str, Any]]:
    """In the order of the file: {"name", "schedule", "timezone", "next", "overdue", "skipped", "running", "last"} of the jobs of `host`,
    and behind them what still runs of jobs that it no longer has, with neither schedule nor next. All times are seconds since the epoch.
    """
    rows, going = runs.known(journal), {run.name: run for run in runs.going(journal)}
    jobs: List[Mapping[str, Any]] = own(live, host)
    jobs += [{"name": name} for name in sorted(set(going) - {str(job["name"]) for job in jobs})]
    return [_fact(journal, job, rows.get(str(job["name"])), going.get(str(job["name"])), now) for job in jobs]


def _fact(journal: Journal, job: Mapping[str, Any], row: Optional[JobRow], going: Optional[Run], now: float) -> Dict[str, Any]:
    last = runs.newest(journal, str(job["name"]))
    newest = max((run.at for run in (last, going) if run is not None), default=0.0)
    following, overdue = None, 0
    if "schedule" in job and row is not None:
        try:
            following = schedule.following(read(job), max(row.last, now))
            overdue = schedule.count(read(job), max(newest, row.since), now - LATE_SECONDS, OVERDUE_TIMES)
        except ValueError:
            pass  # the zone is gone from this machine: the supervisor's log says so, and that it does not run shows here
    return {
        "name": job["name"],
        "schedule": job.get("schedule"),
        "timezone": job.get("timezone"),
        "next": following,
        "overdue": overdue,
        "skipped": row.skipped if row is not None else 0,
        "running": None if going is None else {"for": going.at, "began": going.began, "generation": going.generation},
        "last": None if last is None else _ended(last),
    }


def _ended(run: Run) -> Dict[str, Any]:
    return {
        "for": run.at,
        "began": run.began,
        "ended": run.ended,
        "state": run.state,
        "exit": run.exit,
        "generation": run.generation,
        "lines": list(run.lines),
    }
