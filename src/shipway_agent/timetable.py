"""A job's schedule, what its host remembers of it and the time in; the one thing to do about it now out. Pure.

Rather once too few than twice: a time is dealt with once, by one host, and is not repeated because a clock, a supervisor or a deployment
went back. `docs/decisions/0024-jobs.md` has the reasons.
"""

from __future__ import annotations

from shipway_agent.record import dataclass, replace
from shipway_agent.schedule import Schedule, due
from shipway_agent.typed import Optional, Tuple

LATE_SECONDS = 300.0
"""A time that passed no longer ago is kept, although nobody was there: a restart of the supervisor or of the machine costs no run."""

HANDOVER_SECONDS = 60.0
"""A host that takes a job in a fleet leaves out what is due this soon: another may just have begun it, and its clock may be another."""

CORRECTED_SECONDS = 3 * 3600.0
"""A clock that was set back by more was wrong before, and counts as it is now; as cron has it."""

# How a run stands.
RUNNING = "running"
DONE = "done"
FAILED = "failed"  # an exit code that is not 0, or it could not be started
TIMEOUT = "timeout"
LOST = "lost"  # nobody saw how it ended: a reboot, or its processes were killed
ENDED = "ended"  # the application was taken off this host

BAD = frozenset({FAILED, TIMEOUT, LOST})
"""How a run ends that people should know of."""


@dataclass(frozen=True)
class JobRow:
    """What counts for the next run of a job on this host. Times are seconds since the epoch.

    `last` is the newest time on its schedule that was dealt with, run or not; `since` is from when on it is to run here. `schedule` is
    the text for which this holds, with its zone. `skipped` runs in a row were not begun because one still went on. `told`: when people
    were told of a failure, 0 once a run ended well.
    """

    name: str
    schedule: str
    since: float
    last: float
    skipped: int = 0
    told: float = 0.0


@dataclass(frozen=True)
class Run:
    """One run. `at` is the time on the schedule that it is for; `began` and `ended` are seconds since the epoch, `until` on the boot clock.

    `tries` is 2 for one that makes up for a run that was lost. `why` says what was done to it: "" or timeout, removed. `log_bytes` is how
    long the job's log was before it.
    """

    token: str
    name: str
    at: float
    generation: int
    state: str
    boot: str
    began: float
    until: float
    log_bytes: int = 0
    tries: int = 1
    why: str = ""
    pid: Optional[int] = None
    pid_start: Optional[int] = None
    ended: Optional[float] = None
    exit: Optional[int] = None
    lines: Tuple[str, ...] = ()

    def marker(self, root_digest: str) -> str:
        """The value of SHIPWAY_INSTANCE that its processes are born with."""
        return f"{prefix(root_digest)}{self.generation}/{self.name}/{self.token}"


# What is to be done about a job.
NOTHING = "nothing"
START = "start"
REPEAT = "repeat"  # a run that was lost is made up for, once
SKIP = "skip"  # it still runs
MISS = "miss"  # its time passed while nobody could start it, and it is not made up
TAKE = "take"  # this host has it from now on
CHANGE = "change"  # its schedule is another one; what passed before does not count
CORRECT = "correct"  # the clock was wrong

Next = Tuple[str, float]
"""What to do, and for which time of the schedule: that of the record from now on."""


def next_for(
    schedule: Schedule, text: str, job: Optional[JobRow], last: Optional[Run], going: bool, catch_up: bool, decided: bool, now: float
) -> Next:
    """The next thing to do. `text` is the schedule as `JobRow.schedule` keeps it, `last` the newest run that has ended, `going` whether one
    goes on. Only a `decided` generation gives this host a job that it has not. Raises ValueError for a time zone that is not known here.
    """
    if job is None:
        return (TAKE, now) if decided else (NOTHING, now)
    if job.schedule != text:
        return CHANGE, max(job.last, now)
    if job.last > now + CORRECTED_SECONDS:
        return CORRECT, now
    if last is not None and last.state == LOST and last.at == job.last and last.tries == 1 and catch_up and not going:
        return REPEAT, job.last
    at = due(schedule, job.last, now)
    if at is None:
        return NOTHING, job.last
    if going:
        return SKIP, at
    return (START if catch_up or now - at <= LATE_SECONDS else MISS), at


def taken(name: str, text: str, members: int, now: float) -> JobRow:
    """What is remembered of a job that this host takes. In a fleet of several `members` it begins a minute later."""
    since = now + (HANDOVER_SECONDS if members > 1 else 0.0)
    return JobRow(name, text, since, since)


def dealt_with(job: JobRow, text: str, next: Next) -> JobRow:
    """What is remembered of a job after that was done."""
    verb, at = next
    if verb == SKIP:
        return replace(job, last=at, skipped=job.skipped + 1)
    if verb in (CHANGE, CORRECT):
        return replace(job, schedule=text, since=at, last=at, skipped=0)
    return replace(job, last=at, skipped=0 if verb in (START, REPEAT) else job.skipped)


def prefix(root_digest: str) -> str:
    """What the markers of all jobs of a root begin with."""
    return f"job/{root_digest}/"
