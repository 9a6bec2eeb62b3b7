"""Events are numbered, in one chain for all who write, and nobody changes them unseen."""

from __future__ import annotations

import json
import multiprocessing
import signal
import subprocess
import sys

import pytest

from shipway_agent.journal import Journal, Tampered
from shipway_agent.root import Root
from tests.agent.journal.acts import beside


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


def test_events_are_canonical_json(journal: Journal, root: Root) -> None:
    journal.event("note", "d1", {"b": 1, "a": "é\udcff"})
    other = beside(root)
    ((text,),) = other.execute("SELECT json FROM events WHERE kind = 'note'").fetchall()
    other.close()
    assert text == '{"a":"\\u00e9\\udcff","b":1}' and json.loads(text) == journal.events()[-1]["data"]
