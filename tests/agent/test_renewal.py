"""A damaged journal is made anew of what can be read: nothing that runs ends, killed anywhere it is begun again, and nobody else writes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shipway_agent import group, renewal, runs
from shipway_agent.call import Call, Place
from shipway_agent.decide import Member
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.mend import mend
from shipway_agent.root import Root
from shipway_agent.states import SWITCHED
from shipway_agent.timetable import prefix
from tests.agent.lodge import Lodge, lodge, process, wait

RENAMES = range(10)
"""Before and after each; the log may be there or not."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lodge]:
    """Generation 1 serves, with a listener and a worker."""
    with lodge(tmp_path / "root") as one:
        one.ensure()
        one.generation(1, process(), process("worker", listens=None))
        one.serve(1)
        one.wait_row(1, "worker")
        yield one


def spoil(home: Lodge, table: str) -> None:
    """A disk loses the page of a table; nobody but the supervisor has the journal open any more."""
    home.journal.close()
    path = f"{home.root.path}/journal.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    with open(path, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)


def renew(home: Lodge) -> str:
    """What it says; the journal is open again then, and sound."""
    said = "\n".join(renewal.renew(home.root, "a"))
    home.journal = Journal(home.root)
    home.journal.verify()
    return said


@pytest.mark.parametrize("table", ["member", "processes", "events", "good", "meta"])
def test_what_runs_is_known_again_and_goes_on(home: Lodge, table: str) -> None:
    rows = {(row.name, row.pid, row.pid_start, row.address, row.token) for row in home.rows(1)}
    spoil(home, table)
    said = renew(home)
    assert home.journal.member().current == 1 and home.journal.member().name == "a" and home.journal.good() == [1]
    assert {(row.name, row.pid, row.pid_start, row.address, row.token) for row in home.rows(1)} == rows
    before = home.living()
    home.ensure()
    assert home.living() == before, "nobody is a stranger"
    assert ("which proves itself" in said) == (table not in ("member", "events")), said
    home.generation(2, process(), process("worker", listens=None))
    home.serve(2)
    wait(lambda: not home.rows(1), what="and the supervisor ends what is over")


def test_an_undecided_deployment_stays_undecided_where_the_record_proves_itself(home: Lodge) -> None:
    home.generation(2, process())
    home.switch(2)
    spoil(home, "processes")
    assert "which proves itself" in renew(home)
    assert home.journal.member().attempts[-1].stage == SWITCHED
    home.ensure()
    home.decide("undo", 2)
    assert os.readlink(f"{home.root.path}/current").endswith("000001")


def test_a_record_older_than_what_was_on_disk_does_not_prove_itself(home: Lodge) -> None:
    """A log that was cut short: SQLite reads an earlier day, and its digest is right."""
    home.journal.close()
    (Path(home.root.path) / "journal.mark").write_bytes(b"%020d\n" % 900)
    assert "which proves itself" not in renew(home)
    assert home.journal.member() == Member("a", fence=1, current=1)
    assert home.journal.newest() > 900, "numbers of events are not given twice"


@pytest.mark.parametrize("nth", RENAMES)
def test_killed_anywhere_it_is_begun_again(home: Lodge, nth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(home, "processes")
    child = os.fork()
    if child == 0:
        done = 0
        rename = Root.rename

        def dies(self: Root, source: str, target: str) -> None:
            nonlocal done
            if done == nth // 2:
                if nth % 2:
                    rename(self, source, target)
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1
            rename(self, source, target)

        Root.rename = dies  # type: ignore[assignment,method-assign]  # in this process only
        try:
            renewal.renew(home.root, "a")
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (-signal.SIGKILL, 0)
    renew(home)
    assert home.journal.member().attempts, "the record was taken over"
    assert len(home.root.names("journal-damaged")) == 1
    assert not [name for name in home.root.names() if name.startswith(("journal-making", "journal-made"))]


def test_nobody_else_may_have_it_open(home: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "END_SECONDS", 0.5)
    child = os.fork()
    if child == 0:
        with open(f"{home.root.path}/journal.db", "rb"):
            signal.pause()
    try:
        spoil(home, "member")
        wait(lambda: any("journal.db" in os.readlink(f"/proc/{child}/fd/{fd}") for fd in os.listdir(f"/proc/{child}/fd")))
        with pytest.raises(AgentError, match=f"process {child}"):
            renewal.renew(home.root, "a")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    renew(home)


def test_while_requests_wait_for_a_lost_decision_nothing_is_guessed(home: Lodge) -> None:
    """Its data may have to be put back, and nobody knows."""
    spoil(home, "member")
    front = Path(home.root.path) / "generations/000001/front"
    front.mkdir(exist_ok=True)
    (front / "held.page").write_text("")
    with pytest.raises(AgentError, match="is not known"):
        renewal.renew(home.root, "a")
    (front / "held.page").unlink()
    renew(home)


def test_killed_in_between_nobody_reads_the_damaged_file_without_its_log(home: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be an earlier day, whose processes are other ones: an init starts a supervisor within a second."""
    spoil(home, "steps")
    rename = Root.rename

    def dies(self: Root, source: str, target: str) -> None:
        if target == "journal.db":
            raise KeyboardInterrupt
        rename(self, source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Root, "rename", dies)
        renewal.renew(home.root, "a")
    with pytest.raises(AgentError, match="is gone"):
        Journal(home.root)
    renew(home)
    assert home.journal.member().attempts


def test_what_was_made_before_is_not_taken_once_the_host_went_on(home: Lodge) -> None:
    """Whoever made it was killed, and the damaged journal, which is still in its place, was written to since."""
    spoil(home, "steps")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renewal, "_exchange", lambda _root: [])
        renewal.renew(home.root, "a")
    assert home.root.stat("journal-made/journal.db") is not None
    home.journal = Journal(home.root)
    home.ensure()
    home.generation(2, process())
    home.serve(2)
    home.journal.close()
    renew(home)
    assert home.journal.member().current == 2


def test_a_sound_journal_is_left_as_it_is_and_so_is_its_supervisor(home: Lodge) -> None:
    """Two who ask at once: the second finds what the first has made."""
    before = (home.root.stat("journal.db"), home.ensure())
    assert renewal.renew(home.root, "a") == []
    after = (home.root.stat("journal.db"), home.ensure())
    assert (before[0].st_ino, before[1]) == (after[0].st_ino, after[1])  # type: ignore[union-attr]


def test_the_files_are_the_users_alone_and_only_the_newest_damaged_ones_stay(home: Lodge) -> None:
    kept = Path(home.root.path) / "journal-damaged"
    for day in range(5):
        (kept / f"2020010{day}T000000Z").mkdir(parents=True)
    spoil(home, "member")
    renew(home)
    names = sorted(path.name for path in kept.iterdir())
    assert names[:2] == ["20200103T000000Z", "20200104T000000Z"] and len(names) == 3
    for path in (Path(home.root.path) / "journal.db", kept / names[2] / "journal.db"):
        assert path.stat().st_mode & 0o777 == 0o600 and path.stat().st_uid == os.geteuid()


def test_a_copy_that_lost_its_marker_is_known_by_its_row(home: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that sets its title does: without its row its successor would find its port taken."""
    rows = {(row.name, row.pid, row.token) for row in home.rows(1)}
    spoil(home, "member")
    monkeypatch.setattr(group, "marks", dict)
    renew(home)
    assert {(row.name, row.pid, row.token) for row in home.rows(1)} == rows


def test_a_run_of_a_job_whose_row_is_lost_goes_on(home: Lodge) -> None:
    marker = f"{prefix(home.root.digest)}1/nightly/t0"
    job = subprocess.Popen(["sleep", "60"], env={"SHIPWAY_INSTANCE": marker, "PATH": os.environ["PATH"]}, start_new_session=True)
    try:
        spoil(home, "runs")
        renew(home)
        (run,) = runs.going(home.journal)
        assert (run.marker(home.root.digest), run.pid) == (marker, job.pid)
    finally:
        job.kill()
        job.wait()


def test_an_init_that_starts_another_supervisor_faster_is_outrun(home: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(home, "steps")
    before = home.living()
    end = renewal._end_supervisor
    left = [1, 2]

    def faster(root: Root) -> None:
        end(root)
        if left:
            left.pop()
            home.ensure()

    monkeypatch.setattr(renewal, "_end_supervisor", faster)
    renew(home)
    assert not left and home.living() == before


def test_where_it_is_refused_a_supervisor_runs_as_before(home: Lodge) -> None:
    """A full disk, too: what was killed for it is started again."""
    spoil(home, "member")
    front = Path(home.root.path) / "generations/000001/front"
    front.mkdir(exist_ok=True)
    (front / "held.page").write_text("")
    before = home.living()
    place = Place(home.root, home.root.full("proxy"), "a", "")
    with (
        Call(place, {"journal": True}, (), lambda _event: None, threading.Event()) as call,
        pytest.raises(AgentError, match="is not known"),
    ):
        mend(call)
    wait(home.root.supervised)
    (front / "held.page").unlink()
    renew(home)
    assert home.living() == before


def test_a_disk_that_gets_full_leaves_all_as_it_was(home: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(home, "member")
    before = {name: home.root.read(name) for name in ("journal.db", "journal.mark")}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for _ in range(3):
        with monkeypatch.context() as patch, pytest.raises(AgentError) as refused:
            patch.setattr(shutil, "copyfile", full)
            renewal.renew(home.root, "a")
        assert refused.value.code == "disk-full"
    assert {name: home.root.read(name) for name in before} == before
    assert home.root.stat("journal-damaged") is None, "no try keeps anything"
    renew(home)
