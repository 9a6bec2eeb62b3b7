"""The file of a journal: its user's alone, whole after every write, and a fault of the disk is told in words."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
from pathlib import Path

import pytest

from shipway_agent.errors import AgentError, Foreign
from shipway_agent.journal import FILE, Journal, connection, witness
from shipway_agent.root import Root
from tests.agent.journal.acts import beside


def test_small_facts_have_names(journal: Journal) -> None:
    assert journal.meta("peer_port") is None
    journal.set_meta("peer_port", "4711")
    assert journal.meta("peer_port") == "4711"
    journal.set_meta("peer_port", None)
    assert journal.meta("peer_port") is None


def test_the_journal_is_its_users_alone_whatever_the_umask(root: Root) -> None:
    before = os.umask(0)
    try:
        with Journal(root) as journal:
            journal.event("note", "", {})
            modes = {name: os.stat(f"{root.path}/{name}").st_mode & 0o777 for name in root.names()}
    finally:
        os.umask(before)
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600, "journal.mark": 0o600}


def test_a_link_in_the_place_of_the_journal_is_refused(root: Root, tmp_path: Path) -> None:
    os.symlink(tmp_path / "other.db", f"{root.path}/{FILE}")
    with pytest.raises(Foreign):
        Journal(root)
    assert not (tmp_path / "other.db").exists()


def test_a_damaged_file_is_said_to_be_one(root: Root) -> None:
    root.write(FILE, b"this is not a database, it only has its name" * 100)
    with pytest.raises(AgentError, match="not a database") as caught:
        Journal(root)
    assert caught.value.code == "journal"


def test_a_newer_format_is_refused_and_left_alone(root: Root) -> None:
    Journal(root).close()
    other = beside(root)
    other.execute("UPDATE meta SET value = '2' WHERE key = 'format'")
    other.close()
    with pytest.raises(AgentError, match="has format 2; this agent reads format 1") as caught:
        Journal(root)
    assert caught.value.code == "format"


def test_a_writer_that_does_not_end_is_named_busy(journal: Journal, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    other = beside(root)
    other.execute("BEGIN IMMEDIATE")
    journal._file.db.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(AgentError, match="another process has been writing") as caught:
        journal.event("note", "", {})
    assert caught.value.code == "busy"
    other.execute("ROLLBACK")
    other.close()
    journal.event("note", "", {})


def test_to_open_a_journal_waits_for_nobody_who_writes(journal: Journal, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shipway_agent.journal.connection.BUSY_SECONDS", 0.01)
    with journal.transaction(), Journal(root) as other:
        assert other.member().name == "a"


@pytest.mark.parametrize("lacks", ["TABLE runs", "INDEX steps_begun"])
def test_a_table_that_an_earlier_agent_did_not_know_is_made(root: Root, lacks: str) -> None:
    Journal(root).close()
    other = beside(root)
    other.execute(f"DROP {lacks}")
    with Journal(root):
        assert other.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (lacks.split()[1],)).fetchone() == (1,)
    other.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system")
def test_a_full_disk_is_said_to_be_one_and_nothing_is_lost(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", small], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount")
    try:
        with Root(str(small)) as root, Journal(root) as journal:
            journal.event("note", "d1", {"before": True})
            filler = os.open(small / "filler", os.O_WRONLY | os.O_CREAT)
            with pytest.raises(OSError, match="No space"):
                while True:
                    os.write(filler, b"x" * 4096)
            os.close(filler)
            with pytest.raises(AgentError, match="no space is left") as caught:
                for _ in range(1000):
                    journal.event("note", "d1", {"long": "x" * 5000})
            assert caught.value.code == "disk-full"
            os.unlink(small / "filler")
            journal.event("note", "d1", {"after": True})
            journal.verify()
            assert journal.events()[0]["data"] == {"before": True}
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_write_that_fails_for_another_reason_than_room_tells_of_the_disk_and_of_a_quota(journal: Journal, root: Root) -> None:
    """A bound on the size of files fails as a quota does: SQLite says "disk I/O error" of both."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    bound = root.stat("journal.db-wal")
    assert bound is not None
    resource.setrlimit(resource.RLIMIT_FSIZE, (bound.st_size, before[1]))
    try:
        with pytest.raises(AgentError, match="quota") as caught:
            journal.event("note", "d1", {"long": "x" * 50000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.code == "io"
    journal.event("note", "d1", {"after": True})
    journal.verify()


def test_what_is_only_told_waits_for_no_disk_and_the_mark_stays_behind_it(root: Root, journal: Journal) -> None:
    """A loss of power may take it along; a mark that is ahead would then be a journal that has lost something."""
    before = witness.marked(root)
    told = journal.event("output", "d1", {"lines": ["x"]}, synced=False)
    assert told > before == witness.marked(root)
    with Journal(root) as other:
        assert other.newest() == told, "everybody reads it all the same"
    assert journal.event("note", "d1", {}) == witness.marked(root) == told + 1
    journal.verify()


def test_what_is_written_together_is_written_or_not(journal: Journal) -> None:
    def both(key: str) -> None:
        with journal.transaction():
            journal.set_meta("one", key)
            journal.event("other", "", {"key": key})
            if key == "bad":
                raise ValueError

    both("good")
    with pytest.raises(ValueError):
        both("bad")
    assert journal.meta("one") == "good" and [e["data"]["key"] for e in journal.events(kind="other")] == ["good"]
    both("again")
    assert journal.meta("one") == "again"


def test_a_write_that_found_the_file_locked_leaves_the_next_one_waiting_for_the_disk(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.1)
    with Journal(root) as journal:
        other = beside(root)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AgentError, match="another process has been writing"):
            journal.event("note", "", {}, synced=False)
        other.close()
        assert journal.rows("PRAGMA synchronous") == [(2,)], "FULL"


def test_what_must_be_on_disk_is_not_written_in_a_block_that_waits_for_none(journal: Journal) -> None:
    with pytest.raises(AssertionError), journal._file.writing(synced=False):
        journal.event("decision", "", {})
    assert journal.newest() == 1, "the name of the host"
    journal.event("decision", "", {})
    assert journal.newest() == 2


def test_all_who_open_a_new_one_at_once_find_it_made(root: Root) -> None:
    """A cold start: the supervisor and the first session."""
    faults: list[Exception] = []

    def open_and_write() -> None:
        try:
            with Journal(root) as journal:
                journal.event("note", "", {})
        except Exception as error:
            faults.append(error)

    for _ in range(10):
        for name in root.names():
            root.unlink(name)
        threads = [threading.Thread(target=open_and_write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with Journal(root) as journal:
            assert not faults and journal.newest() == 4
