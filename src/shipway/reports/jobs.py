"""How a periodic job stands in, a line for people and an object for programs out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shipway.model.facts import JobRun, JobState
from shipway.reports.clean import clean
from shipway.reports.sizes import seconds

HOW = {
    "done": "ended well",
    "failed": "failed",
    "timeout": "did not end in time, and was ended",
    "lost": "was lost: nobody saw how it ended",
    "ended": "was ended with the application",
}


def job_text(job: JobState) -> str:
    """Its last run, whether it runs, and when it is due next."""
    parts = []
    if job.running is not None:
        parts.append(f"runs since {_minute(job.running.began)}, in generation {job.running.generation}")
    if job.last is not None:
        parts.append(_last(job.last))
    if job.skipped:
        parts.append(f"left out {'once' if job.skipped == 1 else f'{job.skipped} times'} while it still ran")
    if job.next is not None:
        parts.append(f"next {_minute(job.next)}")
    elif job.schedule:
        parts.append("not due before its deployment is decided")
    return f"job {clean(job.name)}: {'; '.join(parts)}"


def job_json(job: JobState) -> dict[str, Any]:
    """The same for programs; times as in ISO 8601, UTC."""
    return {
        "name": job.name,
        "schedule": job.schedule or None,
        "timezone": job.timezone or None,
        "next": _iso(job.next),
        "overdue": job.overdue,
        "skipped": job.skipped,
        "running": None if job.running is None else _run(job.running),
        "last": None if job.last is None else {**_run(job.last), **_ended(job.last)},
    }


def _last(run: JobRun) -> str:
    took = "" if run.ended is None else f" after {seconds(max(0.0, run.ended - run.began))}"
    code = f" (exit {run.exit})" if run.exit and run.state == "failed" else ""
    return f"the run of {_minute(run.due)} {HOW.get(run.state, run.state)}{code}{took}"


def _run(run: JobRun) -> dict[str, Any]:
    return {"for": _iso(run.due), "began": _iso(run.began), "generation": run.generation}


def _ended(run: JobRun) -> dict[str, Any]:
    took = None if run.ended is None else round(max(0.0, run.ended - run.began), 3)
    return {"ended": _iso(run.ended), "seconds": took, "state": run.state, "exit": run.exit, "lines": [clean(line) for line in run.lines]}


def _minute(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
