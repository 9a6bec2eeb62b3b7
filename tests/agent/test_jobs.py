"""Periodic jobs with real processes: begun once, kept to their bound, found again by the next supervisor, proved gone, written down."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import clock, group, keeper, runs
from shipway_agent.errors import AgentError
from shipway_agent.job_facts import job_facts
from shipway_agent.jobs import STOP_SECONDS, TELL_AGAIN_SECONDS, Jobs, Turn
from shipway_agent.journal import Journal
from shipway_agent.primitives import generations
from shipway_agent.primitives.notifications import keep
from shipway_agent.primitives.prune import prune
from shipway_agent.timetable import DONE, ENDED, FAILED, LATE_SECONDS, LOST, TIMEOUT, JobRow, Run
from tests.agent.lodge import Lodge, job, lodge, wait
from tests.agent.test_session import python_of

MINUTE = 60.0
NOON = 1789992000.0
"""Of 21 September 2026, UTC."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lodge]:
    with lodge(tmp_path / "r") as one:
        yield one


class Host:
    """Jobs of one root and their time, without a daemon: `now` is the wall clock, which tests move, and the boot clock stands still."""

    def __init__(self, home: Lodge) -> None:
        self.home = home
        self.said: list[str] = []
        self.now = NOON - 1
        self.boot = clock.boot_now()
        self.jobs = Jobs(home.root, home.journal, self.said.append)

    def begin_again(self) -> None:
        """A supervisor is killed, and the next one knows what is on disk."""
        self.jobs = Jobs(self.home.root, self.home.journal, self.said.append)
        self.jobs.find_again()

    def turn(
        self, number: int | None = 1, *, decided: bool = True, boot_later: float = 0.0, ending: bool = False, held: bool = False
    ) -> None:
        document = None if number is None else generations.read(self.home.root, number)
        self.jobs.turn(Turn("a", document, decided, self.now, self.boot + boot_later, ending, held))
        reap()

    def take(self, number: int = 1) -> None:
        """The host has the job; its first time is the full hour."""
        self.turn(number)
        self.now = NOON

    def until(self, done: Callable[[], Any], what: str, **turn: Any) -> None:
        def look() -> bool:
            self.turn(**turn)
            return bool(done())

        wait(look, what=f"{what}: {self.said}")

    def ended(self, name: str = "nightly", **turn: Any) -> Run:
        """The run once it has ended."""
        self.until(lambda: not self.jobs.going, "the run has ended", **turn)
        found = runs.newest(self.home.journal, name)
        assert found is not None
        return found

    def events(self) -> list[Mapping[str, Any]]:
        return [event["data"] for event in self.home.journal.events(kind="job")]


@pytest.fixture
def host(home: Lodge) -> Host:
    return Host(home)


def reap() -> None:
    """Children of this very test process, as the daemon reaps its own."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def file(home: Lodge, name: str) -> Path:
    return Path(home.root.path).parent / name


def count(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def has_lines(path: Path, least: int) -> bool:
    return count(path) >= least


# ---------------------------------------------------------------- beginning


def test_a_run_has_the_release_its_environment_and_a_session_and_its_lines_are_kept(home: Lodge, host: Host) -> None:
    show = "import os; print(os.getcwd(), os.environ['RELEASE'], os.environ['COLOUR'], os.getsid(0) == os.getpgid(0) != os.getpid())"
    home.generation(1, jobs=[job(run=[sys.executable, "-c", show])])
    document = json.loads(Path(home.root.full("generations/000001/generation.json")).read_text())
    env = Path(home.root.full("generations/000001/env.json"))
    env.write_text(json.dumps({"common": {"COLOUR": "blue"}, "process": {}, "task": {"nightly": {"COLOUR": "green"}}}))
    host.turn()
    assert not host.jobs.going, "it is this host's from now on, and its first time is still to come"
    host.now = NOON
    host.turn()
    run = host.ended()
    assert (run.state, run.exit, run.at, run.generation, run.tries) == (DONE, 0, NOON, 1, 1)
    place = os.path.realpath(home.root.full(f"releases/{document['release']}"))
    assert run.lines == (f"{place} v1 green True",)
    assert home.log("job.nightly") == f"{place} v1 green True\n"
    assert host.events() == [], "what ends well is a row and no event"
    assert not list(Path(home.root.full("run")).glob("job.*"))


def test_it_is_begun_once_however_often_its_time_is_looked_at(home: Lodge, host: Host) -> None:
    ran = file(home, "ran")
    home.generation(1, jobs=[job(run=f"echo . >> {ran}")])
    host.take()
    for _ in range(3):
        host.turn()
        host.ended()
    host.now = NOON - 1800
    host.turn()
    host.begin_again()
    host.now = NOON + 59
    host.turn()
    assert count(ran) == 1
    host.now = NOON + MINUTE
    host.turn()
    host.ended()
    assert count(ran) == 2


def test_what_fails_is_an_event_with_its_last_lines(home: Lodge, host: Host) -> None:
    home.generation(1, jobs=[job(run="echo before; seq 30; echo no such table >&2; exit 7")])
    host.take()
    host.turn()
    run = host.ended()
    assert (run.state, run.exit, len(run.lines), run.lines[-1]) == (FAILED, 7, 20, "no such table")
    (event,) = host.events()
    assert (event["name"], event["state"], event["for"], event["exit"], event["lines"]) == ("nightly", FAILED, NOON, 7, list(run.lines))


@pytest.mark.parametrize(
    ("more", "says"),
    [({"run": ["no-such-program"]}, "cannot start no-such-program"), ({"directory": "../.."}, "is no directory of the release")],
)
def test_what_cannot_be_started_says_so_in_its_log(home: Lodge, host: Host, more: Mapping[str, Any], says: str) -> None:
    home.generation(1, jobs=[job(**more)])
    host.take()
    host.turn()
    run = host.ended()
    assert run.state == FAILED
    assert says in run.lines[-1]
    assert says in home.log("job.nightly")


# ------------------------------------------------------------------- ending


def test_a_run_that_takes_too_long_is_ended_whole_whatever_it_ignores(home: Lodge, host: Host) -> None:
    up = file(home, "up")
    home.generation(1, jobs=[job(run=f"trap '' TERM; setsid sleep 600 & touch {up}; while :; do sleep 600; done")])
    host.take()
    host.turn()
    wait(up.exists)
    host.turn(boot_later=59)
    assert host.jobs.going[0].why == ""
    host.turn(boot_later=61)
    host.turn(boot_later=61 + STOP_SECONDS - 1)
    assert len(home.living()) >= 2, "what was told to end has its time for it"
    run = host.ended(boot_later=61 + STOP_SECONDS)
    assert run.state == TIMEOUT
    assert home.living() == {}


def test_what_a_run_leaves_behind_is_ended_with_it(home: Lodge, host: Host) -> None:
    home.generation(1, jobs=[job(run="sleep 600 & setsid sleep 600 & exit 0")])
    host.take()
    host.turn()
    assert host.ended().state == DONE
    assert home.living() == {}


def test_where_everything_is_to_be_gone_a_run_is_told_to_end_and_that_is_no_failure(home: Lodge, host: Host) -> None:
    up = file(home, "up")
    home.generation(1, jobs=[job(run=f"touch {up}; exec sleep 600")])
    host.take()
    host.turn()
    wait(up.exists)
    run = host.ended(ending=True)
    assert (run.state, run.exit) == (ENDED, -signal.SIGTERM)
    host.now += MINUTE
    host.turn(ending=True)
    assert not host.jobs.going


# ---------------------------------------------------- supervisors and reboots


def test_the_next_supervisor_finds_the_run_and_learns_how_it_ended(home: Lodge, host: Host) -> None:
    go = file(home, "go")
    home.generation(1, jobs=[job(run=f"while [ ! -e {go} ]; do sleep 0.05; done; exit 3")])
    host.take()
    host.turn()
    (before,) = host.jobs.going
    for _ in range(2):
        host.begin_again()
        host.turn()
        assert host.jobs.going == (before,)
    go.touch()
    wait(lambda: not group.alive(before.pid, before.pid_start))
    host.begin_again()
    run = host.ended()
    assert (run.token, run.state, run.exit) == (before.token, FAILED, 3)


def test_a_supervisor_that_died_before_it_knew_the_pid_finds_it_by_its_marker(home: Lodge, host: Host) -> None:
    up = file(home, "up")
    home.generation(1, jobs=[job(run=f"touch {up}; exec sleep 600")])
    host.take()
    host.turn()
    wait(up.exists)
    (before,) = host.jobs.going
    with home.journal.transaction() as db:
        db.execute("UPDATE runs SET pid = NULL, pid_start = NULL")
    host.begin_again()
    assert host.jobs.going == (before,)


def test_a_run_of_which_nothing_was_ever_seen_is_lost_and_not_repeated(home: Lodge, host: Host) -> None:
    """The supervisor died between the row and the first process, or the run was over before anybody looked: nobody can tell."""
    ran = file(home, "ran")
    home.generation(1, jobs=[job(run=f"echo . >> {ran}")])
    host.take()
    host.turn()
    host.ended()
    with home.journal.transaction() as db:
        db.execute("UPDATE runs SET state = 'running', pid = NULL, pid_start = NULL")
    host.begin_again()
    assert host.ended().state == LOST
    host.turn()
    assert count(ran) == 1


def test_processes_of_a_run_without_a_row_are_ended(home: Lodge, host: Host) -> None:
    up = file(home, "up")
    home.generation(1, jobs=[job(run=f"touch {up}; exec sleep 600")])
    host.take()
    host.turn()
    wait(up.exists)
    with home.journal.transaction() as db:
        db.execute("DELETE FROM runs")
    host.begin_again()
    wait(lambda: not home.living())


@pytest.mark.parametrize("catch_up", [False, True])
def test_a_run_that_a_reboot_ended_is_lost_and_made_up_for_once_where_that_is_wanted(
    home: Lodge, host: Host, monkeypatch: pytest.MonkeyPatch, catch_up: bool
) -> None:
    ran = file(home, "ran")
    home.generation(1, jobs=[job(run=f"echo . >> {ran}; exec sleep 600", schedule="0 * * * *", catch_up=catch_up)])
    host.take()
    for boot in ("second", "third", "fourth"):
        host.turn()
        wait(lambda: count(ran) >= 1)
        for run in host.jobs.going:
            wait(partial(has_lines, ran, run.tries))
            group.kill_whole(group.Instance(run.marker(home.root.digest), run.pid, run.pid_start), 30)
        monkeypatch.setenv("SHIPWAY_BOOT_ID", boot)
        host.begin_again()
        host.now += 7 * MINUTE
    host.turn()
    found = runs.newest(home.journal, "nightly")
    assert found is not None
    assert found.state == LOST
    assert count(ran) == (2 if catch_up else 1)
    assert not host.jobs.going


def test_how_a_run_ended_right_before_a_reboot_is_known(home: Lodge, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    home.generation(1, jobs=[job(run="exit 5")])
    host.take()
    host.turn()
    (run,) = host.jobs.going
    wait(lambda: keeper.result_of(home.root, run.token))
    monkeypatch.setenv("SHIPWAY_BOOT_ID", "second")
    host.begin_again()
    assert (host.ended().state, host.ended().exit) == (FAILED, 5)


# --------------------------------------------------------------- deployments


def test_a_run_goes_on_in_its_old_release_and_the_new_one_does_not_begin_the_same_time_again(home: Lodge, host: Host) -> None:
    up, go = file(home, "up"), file(home, "go")
    home.generation(1, jobs=[job(run=f"touch {up}; while [ ! -e {go} ]; do sleep 0.05; done; echo $RELEASE; [ -e site.py ]")])
    home.generation(2, jobs=[job(run=f"echo new >> {up}")])
    for number in (1, 2):
        home.serve(number)
    host.take(1)
    host.turn(1)
    wait(up.exists)
    for decided in (False, True):
        host.turn(2, decided=decided)
    for number in (3, 4, 5):
        home.generation(number, jobs=[job()])
        home.serve(number)
    assert prune(home.context(5), {"keep": 1})["removed"], "there is something to take away"
    assert generations.numbers(home.root) == [1, 4, 5], "what serves, what it goes back to, and where something still runs"
    host.now += MINUTE
    host.turn(5)
    assert any("left out, for it still runs" in line for line in host.said)
    go.touch()
    run = host.ended(number=5)
    assert (run.state, run.generation, run.lines) == (DONE, 1, ("v1",))
    assert count(up) == 0
    prune(home.context(5), {"keep": 1})
    assert generations.numbers(home.root) == [4, 5]


def test_a_host_that_gets_a_job_waits_for_the_decision_and_a_minute_more_and_one_that_loses_it_begins_no_other(home: Lodge) -> None:
    ran = file(home, "ran")
    home.generation(1, jobs=[job(run=f"echo . >> {ran}")])
    home.generation(2)
    both = {"a": {"address": "a", "root": None}, "b": {"address": "b", "root": None}}
    for number in (1, 2):
        path = Path(home.root.full(f"generations/00000{number}/generation.json"))
        path.write_text(json.dumps({**json.loads(path.read_text()), "members": both}))
    host = Host(home)
    host.turn(1, decided=False)
    host.now = NOON
    host.turn(1, decided=False)
    assert count(ran) == 0, "it is not known yet whether this release stays"
    host.turn(1)
    for later, times in ((MINUTE, 0), (2 * MINUTE, 1)):
        host.now = NOON + later
        host.turn(1)
        host.until(lambda: not host.jobs.going, "it has ended")
        assert count(ran) == times, "whoever had it may have begun the one of this minute"
    host.now = NOON + 3 * MINUTE
    host.turn(2, decided=False)
    assert "nightly" in runs.known(home.journal), "an undo brings it back"
    host.turn(2)
    host.turn(1)
    assert count(ran) == 1, "it came back, and is taken anew"


def test_one_whose_zone_is_not_known_here_is_refused_before_anything_serves(home: Lodge) -> None:
    with pytest.raises(AgentError) as refused:
        home.generation(1, jobs=[job(timezone="Mars/Olympus")])
    assert refused.value.code == "timezone"
    assert "job nightly: no time zone Mars/Olympus is known on this machine" in refused.value.message


# ------------------------------------------------------------------- people


def test_people_hear_of_a_failure_once_a_day_and_anew_after_a_good_run(home: Lodge, host: Host) -> None:
    bad = file(home, "bad")
    home.generation(1, jobs=[job(run=f"[ ! -e {bad} ]")])
    home.serve(1)
    keep(home.context(1), {"targets": [{"kind": "command", "on": ["failure"], "run": ["true"]}]})

    def letters() -> list[dict[str, Any]]:
        return [json.loads(row[0]) for row in home.journal.rows("SELECT json FROM outbox ORDER BY rowid")]

    bad.touch()
    host.take()
    for expected, later in ((1, MINUTE), (1, TELL_AGAIN_SECONDS), (2, MINUTE)):
        host.turn()
        host.ended()
        assert len(letters()) == expected
        host.now += later
    bad.unlink()
    host.turn()
    host.ended()
    bad.touch()
    host.now += MINUTE
    host.turn()
    host.ended()
    assert len(letters()) == 3
    letter = letters()[0]
    assert (letter["event"], letter["verdict"], letter["host"]) == ("job failed", "job failed", "a")
    assert letter["what"].startswith("job nightly, begun 2026-09-21")
    assert letter["next"].startswith("shipway status")


def test_facts_say_how_it_stands(home: Lodge, host: Host) -> None:
    up, go = file(home, "up"), file(home, "go")
    home.generation(1, jobs=[job(run=f"touch {up}; while [ ! -e {go} ]; do sleep 0.05; done; echo fine", schedule="0 12 * * *")])
    live = generations.read(home.root, 1)
    assert job_facts(home.journal, "a", live, NOON)[0]["next"] is None, "nobody has taken it yet"
    host.take()
    host.turn()
    wait(up.exists)
    (fact,) = job_facts(home.journal, "a", live, NOON + 2)
    assert fact["running"] == {"for": NOON, "began": NOON, "generation": 1}
    assert (fact["last"], fact["overdue"], fact["skipped"]) == (None, 0, 0)
    assert job_facts(home.journal, "a", None, NOON)[0]["schedule"] is None, "what still runs is named, also where the job is gone"
    go.touch()
    host.ended()
    day = 24 * 3600
    (fact,) = job_facts(home.journal, "a", live, NOON + day + LATE_SECONDS)
    assert (fact["last"]["state"], fact["last"]["lines"], fact["next"]) == (DONE, ["fine"], NOON + 2 * day)
    assert fact["overdue"] == 1
    assert job_facts(home.journal, "a", live, NOON + 2 * day + LATE_SECONDS)[0]["overdue"] == 2


def test_while_requests_wait_for_a_decision_none_begins_and_one_that_was_due_just_now_begins_behind_it(home: Lodge, host: Host) -> None:
    ran = file(home, "ran")
    home.generation(1, jobs=[job(run=f"echo . >> {ran}")])
    host.take()
    host.turn(held=True)
    assert not host.jobs.going and not ran.exists()
    host.turn()
    assert host.ended().state == DONE
    assert count(ran) == 1


def test_a_disk_that_is_full_is_said_once_and_tried_again(home: Lodge, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = file(home, "ran")
    home.generation(1, jobs=[job(run=f"echo . >> {ran}")])
    host.take()

    def full(journal: Journal, *rows: Any) -> None:
        raise AgentError("disk-full", "no space is left")

    with monkeypatch.context() as patched:
        patched.setattr(runs, "begin", full)
        for _ in range(3):
            host.turn()
    assert [line for line in host.said if "no space" in line] == ["job nightly: cannot start: no space is left"]
    host.turn()
    assert host.ended().state == DONE
    assert count(ran) == 1


# --------------------------------------------------------------- the daemon


@pytest.mark.slow
def test_a_daemon_that_is_killed_in_the_middle_of_a_run_begins_no_second_and_knows_its_end(home: Lodge) -> None:
    """The real one, whose clock nobody moves: the row says that a time has just passed."""
    up, go = file(home, "up"), file(home, "go")
    command = f"echo $$ >> {up}; while [ ! -e {go} ]; do sleep 0.05; done; exit 4"
    home.generation(1, jobs=[job(run=command, schedule="@hourly", catch_up=True)])
    home.serve(1)
    now = clock.wall_now()
    runs.put(home.journal, JobRow("nightly", "@hourly UTC", now - 7200, now - 3600))
    home.ensure()
    wait(up.exists, what="it has begun")
    home.kill_daemon()
    home.ensure()
    home.kill_daemon()
    go.touch()
    home.ensure()

    def ended() -> Run | None:
        return runs.newest(home.journal, "nightly")

    run = wait(ended, what="its end is known")
    assert (run.state, run.exit) == (FAILED, 4)
    assert count(up) == 1
    assert home.living() == {}


def test_the_keeper_runs_on_python_3_9(home: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    old = python_of("3.9")
    if old is None:
        pytest.skip("no Python 3.9 here")
    monkeypatch.setattr(sys, "executable", old)
    home.generation(1, jobs=[job(run="exit 6")])
    host = Host(home)
    host.take()
    host.turn()
    assert host.ended().exit == 6
