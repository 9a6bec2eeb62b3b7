"""A host's memory: what was decided, what happened, what began and how it ended; on disk when a call returns, and not to be forged."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import clock, witness
from shipway_agent.errors import AgentError, Foreign
from shipway_agent.journal import FILE, Journal, ProcessRow, Step, Tampered
from shipway_agent.root import Root
from shipway_agent.states import BACK, COMMITTED, DISCARDED, LEASED, SWITCHED

NOW = 100.0


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    with Root(f"{tmp_path}/root", create=True) as opened:
        yield opened


@pytest.fixture
def journal(root: Root) -> Iterator[Journal]:
    with Journal(root) as opened:
        opened.name_member("a")
        yield opened


def lease(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "do": "lease",
        "deployment": f"d{number}",
        "owner": "ann@laptop",
        "fence": number,
        "seconds": 30.0,
        "lead": "a",
        "members": ["a"],
        "confirm_seconds": 60.0,
        **more,
    }


def switched(journal: Journal, number: int = 1) -> None:
    journal.decide(lease(number), NOW)
    for do in ("vote", "start", "ready", "arm", "switched"):
        assert journal.decide({"do": do, "deployment": f"d{number}", "fence": number}, NOW)["ok"]


def beside(root: Root) -> sqlite3.Connection:
    """The file, opened by somebody with a tool."""
    return sqlite3.connect(f"{root.path}/{FILE}", isolation_level=None)


# ---------------------------------------------------------------- the record


@pytest.mark.parametrize("text", ["", " ", "{", "[]"])
def test_a_record_that_is_none_is_damaged_and_not_taken_for_that_of_a_new_host(journal: Journal, root: Root, text: str) -> None:
    journal.name_member("a")
    assert journal.member().name == "a"
    beside(root).execute("UPDATE member SET json = ?", (text,))
    for looking in (journal, Journal(root)):
        with pytest.raises(AgentError) as caught:
            looking.member()
        assert caught.value.code == "journal"


def test_a_host_has_no_name_before_the_first_hello_and_keeps_the_one_it_got(root: Root) -> None:
    with Journal(root) as journal:
        assert journal.member().name == ""
        journal.name_member("a")
        journal.name_member("a")
        assert journal.member().name == "a"
    with Journal(root) as journal, pytest.raises(AgentError, match="belongs to host 'a', not 'b'") as caught:
        journal.name_member("b")
    assert caught.value.code == "name"


def test_a_decision_is_on_disk_when_the_reply_leaves(journal: Journal, root: Root) -> None:
    switched(journal)
    with Journal(root) as another:
        attempt = another.member().attempt("d1")
        assert attempt is not None and attempt.stage == SWITCHED and another.member().current == 1


def test_a_message_and_its_reply_are_an_event_without_the_deployments_key(journal: Journal) -> None:
    journal.decide(lease(document={"commit": "abc", "peer_key": "hush"}), NOW)
    event = journal.events()[-1]
    assert (event["kind"], event["deployment"], event["data"]["reply"]) == ("member", "d1", {"ok": True, "fence": 1})
    assert event["data"]["message"]["document"] == {"commit": "abc"}
    attempt = journal.member().attempt("d1")
    assert attempt is not None and attempt.document["peer_key"] == "hush", "the host itself needs it"


def test_time_that_changes_nothing_is_no_event(journal: Journal) -> None:
    journal.decide(lease(), NOW)
    before = journal.events()
    journal.decide({"do": "tick"}, NOW)
    journal.decide({"do": "renew", "deployment": "d1", "fence": 1, "seconds": 30.0}, NOW + 10)
    assert journal.events() == before
    held = journal.member().lease
    assert held is not None and held.until == NOW + 40
    journal.decide({"do": "tick"}, NOW + 50)
    assert journal.events()[-1]["data"]["message"] == {"do": "tick"}, "and one that discards something is"


def test_committed_generations_are_remembered_newest_first(journal: Journal) -> None:
    for number in (1, 2, 3):
        switched(journal, number)
        journal.decide({"do": "commit" if number != 2 else "undo", "deployment": f"d{number}", "fence": number}, NOW)
        journal.decide({"do": "finish", "deployment": f"d{number}", "fence": number}, NOW)
    assert journal.good() == [3, 1]


# -------------------------------------------------------------------- events


def test_events_are_read_from_any_number_on_and_by_deployment(journal: Journal) -> None:
    first = journal.event("note", "d0", {"n": 0})
    for number in range(1, 6):
        assert journal.event("note", f"d{number % 2}", {"n": number}) == first + number
    assert [event["data"]["n"] for event in journal.events(since=first + 2)] == [3, 4, 5]
    assert [event["data"]["n"] for event in journal.events(deployment="d1")] == [1, 3, 5]
    assert [event["seq"] for event in journal.events(limit=2)] == [1, 2]
    journal.verify()


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        ("UPDATE events SET json = replace(json, '3', '7') WHERE seq = 3", 3),
        ("UPDATE events SET at = at + 1 WHERE seq = 2", 2),
        ("UPDATE events SET deployment = 'd9' WHERE seq = 2", 2),
        ("UPDATE events SET kind = 'other' WHERE seq = 4", 4),
        ("UPDATE events SET hash = 'f00' WHERE seq = 1", 1),
        ("DELETE FROM events WHERE seq = 1", 1),
        ("DELETE FROM events WHERE seq = 3", 3),
        ("DELETE FROM events WHERE seq = 5", 5),
        ("INSERT INTO events SELECT 6, at, deployment, kind, json, hash, hash FROM events WHERE seq = 5", 6),
        ("UPDATE events SET seq = 9 WHERE seq = 5", 5),
    ],
)
def test_an_event_changed_removed_or_added_by_hand_is_found(journal: Journal, root: Root, edit: str, found: int) -> None:
    for number in range(2, 6):  # the first event is the host's name
        assert journal.event("note", "d1", {"n": number}) == number
    journal.verify()
    other = beside(root)
    other.execute(edit)
    other.close()
    with pytest.raises(Tampered, match=f"event {found} is not what was written") as caught:
        journal.verify()
    assert caught.value.seq == found


def test_a_look_reads_the_newest_events_with_their_steps_alone(journal: Journal, root: Root) -> None:
    for number in range(2, 21):
        journal.event("note", "d1", {"n": number})
    journal.verify(newest=5)
    other = beside(root)
    try:
        other.execute("UPDATE events SET at = at + 1 WHERE seq = 3")
        journal.verify(newest=5)
        for newest in (None, 18, 100):
            with pytest.raises(Tampered, match="event 3 is"):
                journal.verify(newest=newest)
        other.execute("UPDATE events SET at = at + 1 WHERE seq = 18")
        with pytest.raises(Tampered, match="event 18 is"):
            journal.verify(newest=5)
        other.execute("DELETE FROM events WHERE seq = 20")
        with pytest.raises(Tampered, match="event 20 is"):
            journal.verify(newest=1)
    finally:
        other.close()


def append(path: str, count: int) -> None:
    with Root(path) as root:
        for number in range(count):
            with Journal(root) as journal:
                journal.event("note", "d1", {"n": number})


def test_many_processes_write_one_chain(root: Root) -> None:
    writers = [multiprocessing.get_context("spawn").Process(target=append, args=(root.path, 10)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    with Journal(root) as journal:
        assert [event["seq"] for event in journal.events()] == list(range(1, 41))
        journal.verify()


def test_killed_at_any_moment_the_journal_is_whole(root: Root) -> None:
    """A child writes as fast as it can and tells each number once it is durable; killed, nothing it told of is lost."""
    code = (
        "import sys; from shipway_agent.root import Root; from shipway_agent.journal import Journal\n"
        "journal = Journal(Root(sys.argv[1]))\n"
        "while True: print(journal.event('note', 'd1', {}), flush=True)\n"
    )
    for round_number in range(5):
        with subprocess.Popen([sys.executable, "-c", code, root.path], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            told = 0
            for line in child.stdout:
                told = int(line)
                if told % 20 >= 3 * round_number + 5:
                    child.send_signal(signal.SIGKILL)
        with Journal(root) as journal:
            journal.verify()
            assert len(journal.events(limit=100_000)) >= told > 0


# --------------------------------------------------------------------- steps


def begin(journal: Journal, key: str = "tree", number: int = 1, now: float = NOW, **more: Any) -> Step | None:
    return journal.begin_step(f"d{number}", key, number, now=now, **more)


def test_a_step_is_done_once_and_its_answer_is_kept(journal: Journal) -> None:
    journal.decide(lease(), NOW)
    assert begin(journal) is None
    journal.end_step("d1", "tree", "done", {"files": 3})
    again = begin(journal)
    assert again is not None and (again.state, again.data) == ("done", {"files": 3})
    assert [(e["data"]["key"], e["data"]["state"]) for e in journal.events() if e["kind"] == "step"] == [
        ("tree", "intent"),
        ("tree", "done"),
    ]


def test_a_step_that_failed_may_be_tried_again(journal: Journal) -> None:
    journal.decide(lease(), NOW)
    begin(journal)
    journal.end_step("d1", "tree", "failed", {"code": "disk-full"})
    before = begin(journal)
    assert before is not None and before.state == "failed"
    now = journal.step("d1", "tree")
    assert now is not None and now.state == "intent" and now.pid == os.getpid()


def test_a_step_that_runs_is_not_begun_twice_and_keeps_others_from_the_lease(journal: Journal) -> None:
    journal.decide(lease(), NOW)
    begin(journal, "task:migrate")
    with pytest.raises(AgentError, match="still runs here") as caught:
        begin(journal, "task:migrate")
    assert caught.value.code == "busy"
    assert [step.key for step in journal.busy()] == ["task:migrate"]
    late = NOW + 1000
    refused = journal.decide(lease(2), late)
    assert (refused["ok"], refused["code"], refused["deployment"], refused["key"]) == (False, "busy", "d1", "task:migrate")
    journal.end_step("d1", "task:migrate", "done", {})
    assert journal.decide(lease(2), late)["ok"]


def test_a_step_whose_process_is_gone_is_unknown_and_settled_by_its_check(root: Root, journal: Journal) -> None:
    journal.decide(lease(), NOW)
    pid = os.fork()
    if pid == 0:
        with Journal(Root(root.path)) as own:
            begin(own)
        os._exit(0)
    os.waitpid(pid, 0)
    assert journal.busy() == []
    before = begin(journal)
    assert before is not None and before.state == "unknown"
    assert [e["data"]["state"] for e in journal.events() if e["kind"] == "step"] == ["intent", "unknown", "intent"]


def test_no_step_begins_for_a_deployment_that_may_not_go_on(journal: Journal) -> None:
    def code(**more: Any) -> str:
        with pytest.raises(AgentError) as caught:
            begin(journal, **more)
        return caught.value.code

    assert code() == "unknown"
    journal.decide(lease(), NOW)
    assert code(now=NOW + 30) == "expired"
    journal.decide({"do": "undo", "deployment": "d1", "fence": 1}, NOW)
    assert code() == "settled"
    assert begin(journal, "undo:task", decided=True) is None, "what belongs behind the decision may"
    journal.decide({"do": "finish", "deployment": "d1", "fence": 1}, NOW)
    journal.end_step("d1", "undo:task", "done", {})
    journal.decide(lease(2), NOW)
    assert code(decided=True) == "fenced"


def test_a_step_may_bring_a_message_to_the_record_in_the_same_write(journal: Journal) -> None:
    journal.decide(lease(), NOW)
    arm = {"do": "arm", "deployment": "d1", "fence": 1}
    assert begin(journal, "too early", message=arm) is None
    assert journal.member().attempts[0].stage == "leased", "the record refuses it, and the step has begun all the same"
    for do in ("vote", "start", "ready"):
        assert journal.decide({**arm, "do": do}, NOW)["ok"]
    assert begin(journal, "switch", message=arm) is None
    assert journal.member().attempts[0].stage == "armed"
    journal.end_step("d1", "switch", "done", {"base": None})
    again = begin(journal, "switch", message=arm)
    assert again is not None and again.state == "done", "what is done brings nothing along"


def test_a_step_may_be_remembered_under_its_releases_name(journal: Journal) -> None:
    journal.decide(lease(), NOW)
    assert journal.begin_step("release:abc", "task:install", 1, now=NOW, on_behalf_of="d1") is None
    journal.end_step("release:abc", "task:install", "done", {"exit": 0})
    journal.decide({"do": "finish", "deployment": "d1", "fence": 1}, NOW)
    journal.decide(lease(2), NOW)
    again = journal.begin_step("release:abc", "task:install", 2, now=NOW, on_behalf_of="d2")
    assert again is not None and again.data == {"exit": 0}


# ----------------------------------------------------------------- processes


def test_processes_are_rows_that_are_put_found_and_forgotten(journal: Journal) -> None:
    row = ProcessRow(1, "web", 1, "t0ken", "up", "127.0.0.1:4711", 42, 9000, "boot", True, 1.5, 2, 3, False)
    other = ProcessRow(2, "worker", 1, "t1", "starting")
    journal.put_process(other)
    journal.put_process(row)
    assert journal.processes() == [row, other] and journal.processes(2) == [other]
    assert journal.process(1, "web", 1) == row and journal.process(1, "web", 2) is None
    journal.put_process(ProcessRow(1, "web", 1, "t2", "gone"))
    assert [found.token for found in journal.processes(1)] == ["t2"]
    journal.delete_process(1, "web", 1)
    journal.delete_process(1, "web", 1)
    assert journal.processes() == [other]


# ------------------------------------------------------------------- reboots


def test_the_first_to_open_it_after_a_reboot_applies_the_rule_for_it(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(root) as journal:
        switched(journal)
        journal.begin_step("d1", "prove", 1, now=NOW)
    monkeypatch.setenv("SHIPWAY_BOOT_ID", "the next boot")
    with Journal(root) as first, Journal(root) as second:
        for journal in (first, second):
            attempt = journal.member().attempt("d1")
            assert attempt is not None and (attempt.stage, journal.member().current, journal.member().lease) == (BACK, None, None)
        step = first.step("d1", "prove")
        assert step is not None and step.state == "unknown"
        assert [event["kind"] for event in first.events()].count("boot") == 1
        first.verify()


def test_a_reboot_before_any_intent_discards_what_was_prepared(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(root) as journal:
        journal.decide(lease(), NOW)
        assert not journal.note_boot(clock.boot_id(), NOW), "the same boot is none"
        attempt = journal.member().attempt("d1")
        assert attempt is not None and attempt.stage == LEASED
        assert journal.note_boot("the next", 3.0)
        attempt = journal.member().attempt("d1")
        assert attempt is not None and attempt.stage == DISCARDED


def test_a_commit_survives_every_reboot(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(root) as journal:
        journal.name_member("a")
        switched(journal)
        journal.decide({"do": "commit", "deployment": "d1", "fence": 1}, NOW)
    for boot in ("second", "third"):
        monkeypatch.setenv("SHIPWAY_BOOT_ID", boot)
        with Journal(root) as journal:
            attempt = journal.member().attempt("d1")
            assert attempt is not None and attempt.stage == COMMITTED and journal.member().current == 1


# -------------------------------------------------------------------- faults


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
    journal._db.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(AgentError, match="another process has been writing") as caught:
        journal.event("note", "", {})
    assert caught.value.code == "busy"
    other.execute("ROLLBACK")
    other.close()
    journal.event("note", "", {})


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


def test_events_are_canonical_json(journal: Journal, root: Root) -> None:
    journal.event("note", "d1", {"b": 1, "a": "é\udcff"})
    other = beside(root)
    ((text,),) = other.execute("SELECT json FROM events WHERE kind = 'note'").fetchall()
    other.close()
    assert text == '{"a":"\\u00e9\\udcff","b":1}' and json.loads(text) == journal.events()[-1]["data"]


def test_a_question_costs_the_same_however_old_the_journal_is(journal: Journal) -> None:
    """Counted in instructions of SQLite, so that it holds on any machine."""

    def cost(ask: Callable[[], object]) -> int:
        count = [0]

        def step() -> int:
            count[0] += 1
            return 0

        journal._db.set_progress_handler(step, 10)
        ask()
        journal._db.set_progress_handler(None, 0)
        return count[0]

    def grow(deployments: int) -> None:
        with journal.transaction() as db:
            for number in range(deployments):
                journal.append("acknowledged", f"d-{number}", {"members": ["a"]})
                db.execute("INSERT OR REPLACE INTO steps VALUES (?, 'tree', 1, 'done', 0, '{}', NULL, NULL)", (f"d-{number}",))

    questions = (
        lambda: journal.events(0, "d-9", 1),
        lambda: journal.events(0, "d-9", 1, "acknowledged"),
        lambda: journal.events(0, "d-none"),
        lambda: journal.step("d-9", "tree"),
        lambda: journal.steps("d-9"),
        journal.newest,
        journal.busy,
    )
    grow(10)
    young = [cost(question) for question in questions]
    for number in range(10, 20):
        grow(10 * number)
        journal.append("other", "d-9", {})
    old = [cost(question) for question in questions]
    assert all(later <= 2 * before + 10 for before, later in zip(young, old, strict=True)), (young, old)


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
        with journal.together():
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
