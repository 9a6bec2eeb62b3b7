"""The jobs of the generation that serves and the time in; each started when it is due, kept to its bound, proved gone and written down. The
daemon's other pair of hands: nothing here waits, each turn does what can be done now.

A run has its row, with its token, before its first process: a daemon that is killed at any instant finds it by that, and begins no second.
"""

from __future__ import annotations

import os
import signal
import time
from functools import lru_cache, partial
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from shipway_agent import clock, group, keeper, logs, runs, schedule, spawn, timetable
from shipway_agent.decide import Attempt
from shipway_agent.errors import AgentError, naming
from shipway_agent.group import Instance
from shipway_agent.itself import argv_of, own_file
from shipway_agent.journal import Journal
from shipway_agent.primitives import generations
from shipway_agent.record import dataclass, replace
from shipway_agent.root import Root
from shipway_agent.schedule import Schedule
from shipway_agent.states import COMMITTED
from shipway_agent.surroundings import with_tools
from shipway_agent.timetable import BAD, DONE, ENDED, FAILED, LOST, RUNNING, TIMEOUT, JobRow, Run
from shipway_agent.wants import Document

STOP_SECONDS = 10.0
"""From SIGTERM to SIGKILL, where a run is ended."""

LAST_LINES = 20
TELL_AGAIN_SECONDS = 86400.0
"""People hear of a job that fails, and while it goes on failing once a day."""

REMOVED = "removed"


@dataclass(frozen=True)
class Turn:
    """What a turn goes by: the document of the generation that `current` points at, None where nothing is, and whether it is `decided`.

    `host` is this one's name: of all jobs of the document it runs its own. `now` is seconds since the epoch, `boot_now` those of the boot
    clock. `ending` when everything is to be gone; while `held` nothing begins.
    """

    host: str
    document: Optional[Document]
    decided: bool
    now: float
    boot_now: float
    ending: bool = False
    held: bool = False


class Jobs:
    """All jobs of one root. Only its daemon has one: it is the only writer of their rows."""

    def __init__(self, root: Root, journal: Journal, say: Callable[[str], None]) -> None:
        """`living` are the first processes that lived in the last turn."""
        self._root = root
        self._journal = journal
        self._say = say
        self._boot = clock.boot_id()
        self._rows: Dict[str, JobRow] = runs.known(journal)
        self._going: Dict[str, Run] = {run.name: run for run in runs.going(journal)}
        self._last: Dict[str, Optional[Run]] = {}
        self._told_to_end: Dict[str, float] = {}
        self._next: Dict[str, Tuple[JobRow, float]] = {}
        self._failures: Dict[str, str] = {}
        self.living: Set[int] = set()

    @property
    def going(self) -> Tuple[Run, ...]:
        """Runs that have begun and are not proved gone."""
        return tuple(self._going.values())

    def find_again(self) -> None:
        """At the daemon's start: find by its marker what runs and has no pid on record, and end what has a marker and no row."""
        marked = {pid: mark for pid, mark in group.marks().items() if mark.startswith(timetable.prefix(self._root.digest))}
        for run in self.going:
            family = [group.known(pid) for pid, mark in marked.items() if mark == run.marker(self._root.digest)]
            leaders = sorted((one for one in family if one is not None and one.pid == one.session), key=lambda one: one.start)
            if run.pid is None and run.boot == self._boot and leaders:
                self._put(replace(run, pid=leaders[0].pid, pid_start=leaders[0].start))
        known = {run.marker(self._root.digest) for run in self.going}
        for pid, mark in marked.items():
            stranger = group.known(pid) if mark not in known else None
            if stranger is not None:
                self._say(f"process {pid} is of a job of this root that has no row: ended")
                group.end([stranger], signal.SIGKILL)

    def turn(self, turn: Turn) -> None:
        """One thing for each run and each job."""
        self.living = set()
        for run in self.going:
            self._guarded(run.name, "watch", partial(self._tend, run, turn))
        if turn.ending or turn.held:
            return
        wanted = {str(job["name"]): job for job in own(turn.document, turn.host)}
        for name, job in wanted.items():
            self._guarded(name, "start", partial(self._consider, job, turn))
        for name in set(self._rows) - set(wanted) if turn.decided else ():
            self._guarded(name, "forget", partial(self._forget, name))

    def end_all(self) -> None:
        """SIGKILL everything at once: for a root that is no more."""
        for run in self.going:
            group.kill_whole(self._instance(run), STOP_SECONDS)

    def _guarded(self, name: str, what: str, do: Callable[[], None]) -> None:
        """A full disk or an unknown zone holds up one job and no other; it is said once, and the next turn tries again."""
        try:
            do()
            self._failures.pop(f"{what} {name}", None)
        except (AgentError, ValueError) as error:
            if self._failures.get(f"{what} {name}") != str(error):
                self._say(f"job {name}: cannot {what}: {error}")
            self._failures[f"{what} {name}"] = str(error)

    # -------------------------------------------------------------- what runs

    def _tend(self, run: Run, turn: Turn) -> None:
        same_boot = run.boot == self._boot
        if same_boot and group.alive(run.pid, run.pid_start):
            self.living.add(run.pid or 0)
            if turn.ending or turn.boot_now >= run.until:
                self._end(run, turn)
            return
        left = group.members(self._instance(run)) if same_boot else ()
        if left:  # the command has ended, and left something running; or its keeper was killed
            group.end(left, signal.SIGKILL)
            self.living |= group.pids(left)
            return
        self._finish(run, turn)

    def _end(self, run: Run, turn: Turn) -> None:
        """SIGTERM to the whole group, and SIGKILL to whoever is still there after a while."""
        told = self._told_to_end.get(run.token)
        if told is None:
            if not run.why:
                run = replace(run, why=REMOVED if turn.ending else TIMEOUT)
                self._put(run)
            self._say(f"job {run.name} (process {run.pid}): told to end, {run.why}")
            self._told_to_end[run.token] = turn.boot_now
            try:
                os.killpg(run.pid or 0, signal.SIGTERM)
            except (ProcessLookupError, PermissionError):
                pass  # gone in between, or setuid: the next turn sees
        elif turn.boot_now >= told + STOP_SECONDS:
            group.end(group.members(self._instance(run)), signal.SIGKILL)

    def _finish(self, run: Run, turn: Turn) -> None:
        """Nothing of it runs any more: how it ended, in its row, in an event and in a message where it did not end well."""
        result = keeper.result_of(self._root, run.token)
        state = _state(run, result)
        with self._root.at(logs.FOLDER, create=True, mode=0o700) as folder:
            lines = logs.since(folder, logs.log_of_job(run.name), run.log_bytes, LAST_LINES)
        ended = result.ended if result is not None else turn.now
        run = replace(run, state=state, ended=ended, exit=result.exit if result is not None else None, lines=tuple(lines))
        self._ended(run, turn.now)
        keeper.forget_result(self._root, run.token)

    def _ended(self, run: Run, now: float) -> None:
        runs.put_run(self._journal, run)
        self._going.pop(run.name, None)
        self._last[run.name] = run
        self._told_to_end.pop(run.token, None)
        code = "" if run.exit is None else f", exit {run.exit}"
        self._say(f"job {run.name} of generation {run.generation}: {run.state}{code}")
        job = self._rows.get(run.name)
        if run.state == DONE and job is not None and job.told:
            self._keep(replace(job, told=0.0))
        if run.state != DONE:
            data = {"name": run.name, "state": run.state, "for": run.at, "began": run.began, "exit": run.exit, "lines": list(run.lines)}
            self._event(run.generation, data)
        if run.state in BAD and (job is None or not 0.0 <= now - job.told < TELL_AGAIN_SECONDS):
            self._tell_people(run)
            if job is not None:
                self._keep(replace(job, told=now))

    # -------------------------------------------------------------- what is due

    def _consider(self, job: Mapping[str, Any], turn: Turn) -> None:
        name, text = str(job["name"]), f"{job['schedule']} {job['timezone']}"
        row, going = self._rows.get(name), name in self._going
        if name not in self._last:
            self._last[name] = runs.newest(self._journal, name)
        if row is not None and self._is_before_its_time(job, row, text, turn):
            return
        last, catch_up = self._last[name], bool(job.get("catch_up"))
        verb, at = timetable.next_for(read(job), text, row, last, going, catch_up, turn.decided, turn.now)
        if verb == timetable.TAKE:
            self._keep(timetable.taken(name, text, len((turn.document or {}).get("members", ())), turn.now))
        elif row is not None and verb != timetable.NOTHING:
            after = timetable.dealt_with(row, text, (verb, at))
            if verb in (timetable.START, timetable.REPEAT):
                self._begin(job, after, 2 if verb == timetable.REPEAT else 1, turn)
            else:
                self._keep(after)
                self._say_of(verb, row, at, turn)

    def _is_before_its_time(self, job: Mapping[str, Any], row: JobRow, text: str, turn: Turn) -> bool:
        """Most turns: nothing is due yet. When it will be is worked out once for each time that was dealt with."""
        last = self._last.get(row.name)
        if row.schedule != text or row.last > turn.now or (last is not None and last.state == LOST and bool(job.get("catch_up"))):
            return False
        known = self._next.get(row.name)
        if known is None or known[0] != row:
            at = schedule.following(read(job), row.last)
            known = self._next[row.name] = (row, float("inf") if at is None else at)
        return turn.now < known[1]

    def _say_of(self, verb: str, row: JobRow, at: float, turn: Turn) -> None:
        """What was not begun is told: each time in the log, in the journal the first of a row."""
        words = {
            timetable.SKIP: "is left out, for it still runs",
            timetable.MISS: "passed while nobody could start it, and is left out",
            timetable.CHANGE: "is the first that counts for its new schedule",
            timetable.CORRECT: "is the time now; the clock was ahead before",
        }[verb]
        self._say(f"job {row.name}: {stamp(at)} {words}")
        if verb == timetable.MISS or (verb == timetable.SKIP and not row.skipped):
            self._event(int((turn.document or {})["number"]), {"name": row.name, "state": verb, "for": at})

    def _begin(self, job: Mapping[str, Any], row: JobRow, tries: int, turn: Turn) -> None:
        """Start a run for the time that `row` says is dealt with."""
        document, name = turn.document or {}, row.name
        with self._root.at(logs.FOLDER, create=True, mode=0o700) as folder:
            log_fd = logs.open_log(folder, logs.log_of_job(name))
            log_bytes = logs.size_of(folder, logs.log_of_job(name))
        try:
            until = turn.boot_now + float(job["timeout_seconds"])
            number = int(document["number"])
            run = Run(spawn.new_token(), name, row.last, number, RUNNING, self._boot, turn.now, until, log_bytes, tries)
            runs.begin(self._journal, row, run)
            self._rows[name], self._going[name] = row, run
            self._say(f"job {name} of generation {run.generation}: begins, for {stamp(run.at)}")
            try:
                self._start(job, document, run, log_fd)
            except AgentError as error:
                os.write(log_fd, f"shipway: {error.message}\n".encode("utf-8", "backslashreplace"))
                self._ended(replace(run, state=FAILED, ended=turn.now, lines=(error.message,)), turn.now)
        finally:
            os.close(log_fd)

    def _start(self, job: Mapping[str, Any], document: Document, run: Run, log_fd: int) -> None:
        from shipway_agent.primitives.tasks import environment_of  # only who has jobs needs it

        directory = spawn.directory_in(self._root.full(f"releases/{document['release']}"), str(job.get("directory") or "."))
        environment = environment_of(document, generations.env_of(self._root, run.generation), run.name, run.marker(self._root.digest))
        environment = with_tools(environment, self._root.path, document)
        result = keeper.open_result(self._root, run.token)
        try:
            argv = keeper.argv_under_keeper(self._argv(job), result)
            os.set_inheritable(result, True)
            with naming(argv[0]):
                pid = spawn.start(spawn.Launch(argv, directory, environment, log_fd))
        finally:
            os.close(result)
        leader = group.known(pid)
        if leader is not None:
            # In memory first: should the journal refuse the pid, it runs all the same, and its marker says whose it is.
            self._going[run.name] = replace(run, pid=pid, pid_start=leader.start)
            self.living.add(pid)
            self._guarded(run.name, "write down", partial(self._put, self._going[run.name]))

    def _argv(self, job: Mapping[str, Any]) -> Sequence[str]:
        """The command of a job; a restore point is taken by this agent."""
        if job.get("data"):
            return argv_of(own_file(), ["point", "--root", self._root.path, "--data", str(job["data"])])
        return spawn.argv_of(job["run"], "", "")

    # -------------------------------------------------------------- the record

    def _keep(self, row: JobRow) -> None:
        runs.put(self._journal, row)
        self._rows[row.name] = row

    def _put(self, run: Run) -> None:
        runs.put_run(self._journal, run)
        self._going[run.name] = run

    def _forget(self, name: str) -> None:
        """What is current and decided has no such job here: should it come back, it is taken anew. What runs of it runs on."""
        runs.forget(self._journal, name)
        del self._rows[name]
        self._last.pop(name, None)
        self._say(f"job {name} is none of this host's any more")

    def _instance(self, run: Run) -> Instance:
        return Instance(run.marker(self._root.digest), run.pid, run.pid_start)

    def _event(self, generation: int, data: Mapping[str, Any]) -> None:
        document = generations.read(self._root, generation) or {}
        self._journal.event("job", str(document.get("deployment", "")), data)

    def _tell_people(self, run: Run) -> None:
        from shipway_agent.notifications import box
        from shipway_agent.notifications.moments import JOB, Moment

        attempt = self._attempt(run)
        if attempt is None:
            return
        how = {
            FAILED: f"ended with {'no exit code' if run.exit is None else run.exit}",
            TIMEOUT: "did not end in time, and was ended with all its processes",
            LOST: "was lost: it ran when the machine went down, or its processes were killed",
        }[run.state]
        what = f"job {run.name}, begun {stamp(run.began)}, {how}"
        box.put_alone(
            self._journal, Moment(JOB, attempt, JOB), {"reason": {"what": what, "lines": list(run.lines)}}, f"{run.name} {run.at}"
        )

    def _attempt(self, run: Run) -> Optional[Attempt]:
        """The deployment that it ran for, else the one that made current what serves."""
        member = self._journal.member()
        own = next((a for a in member.attempts if a.target == run.generation), None)
        return own or next((a for a in member.attempts if a.target == member.current and a.stage == COMMITTED), None)


def own(document: Optional[Document], host: str) -> List[Mapping[str, Any]]:
    """The jobs of a generation that are this host's; none where everything is stopped."""
    if (document or {}).get("closed"):
        return []
    return [job for job in (document or {}).get("jobs", ()) if job["host"] == host]


def read(job: Mapping[str, Any]) -> Schedule:
    """The schedule of a job of a generation's document. Raises ValueError for one that was never valid, or a zone not known here."""
    return _read(str(job["schedule"]), str(job["timezone"]))


def stamp(at: float) -> str:
    """A time for people, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))


@lru_cache(maxsize=256)
def _read(text: str, zone: str) -> Schedule:
    schedule.zone_of(zone)
    return schedule.read(text, zone)


def _state(run: Run, result: Optional[keeper.Result]) -> str:
    if run.why:
        return ENDED if run.why == REMOVED else TIMEOUT
    if result is None:
        return LOST
    return DONE if result.exit == 0 else FAILED


def refuse_unreadable(jobs: List[Mapping[str, Any]]) -> None:
    """Raises AgentError `timezone` where this machine does not know the zone of a job, so that it is known before anything serves."""
    for job in jobs:
        try:
            read(job)
        except ValueError as fault:
            raise AgentError("timezone", f"job {job['name']}: {fault}", job=str(job["name"]), timezone=str(job["timezone"])) from None
