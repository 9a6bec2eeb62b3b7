"""What was found damaged in a journal is remembered, for those who read less, until all of it is read and sound."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shipway_agent.call import Place
from shipway_agent.errors import AgentError
from shipway_agent.journal import FILE, Journal, Tampered
from shipway_agent.primitives import facts
from shipway_agent.root import Root
from tests.agent.journal.acts import NOW, beside, lease, spoil


@pytest.fixture
def spoilt(root: Root) -> Root:
    """A host's, with a page that is not what was written; a whole copy of it is `whole.db`."""
    with Journal(root) as journal:
        journal.name_member("a")
        journal.decide(lease(), NOW)
        journal.verify_for_vote()
        journal.begin_step("d1", "task:late", 1, now=NOW)
        journal.end_step("d1", "task:late", "done", {})
    shutil.copy(f"{root.path}/{FILE}", f"{root.path}/whole.db")
    spoil(root, "sqlite_autoindex_steps_1", b"task:late", b"tasj")
    return root


def status_says(root: Root) -> str | None:
    """What `status` hears of the journal: it reads the newest rows, and no pages."""
    with Journal(root) as journal:
        said = facts.look(Place(root, root.full("proxy"), "a", "hash"), journal, verify=True, sealed=True, brief=True)
    assert said["drift"] == ([said["unsound"]] if said["unsound"] else [])
    unsound: str | None = said["unsound"]
    return unsound


@pytest.mark.parametrize("finds", [Journal.verify_for_vote, Journal.verify])
def test_what_a_vote_or_a_doctor_has_found_status_says_too(spoilt: Root, finds: Callable[[Journal], None]) -> None:
    assert status_says(spoilt) is None, "it reads no pages, so somebody must have found it"
    with Journal(spoilt) as journal, pytest.raises(AgentError, match="a page of it is not what was written") as caught:
        finds(journal)
    assert status_says(spoilt) == caught.value.message
    assert "--fix" in caught.value.message


def test_what_a_write_has_found_status_says_too(root: Root) -> None:
    Journal(root).close()
    spoil(root, "events_of", b"\x0a", b"\xff")  # what kind of page it is
    assert status_says(root) is None
    with Journal(root) as journal, pytest.raises(AgentError, match="malformed") as caught:
        journal.event("note", "", {})
    assert status_says(root) == caught.value.message


def test_an_event_that_was_changed_is_remembered(root: Root) -> None:
    with Journal(root) as journal:
        early = journal.event("note", "", {})
        for number in range(facts.NEWEST_EVENTS + 1):
            journal.event("note", "", {"n": number}, synced=False)
    beside(root).execute("UPDATE events SET at = at + 1 WHERE seq = ?", (early,)).connection.close()
    assert status_says(root) is None
    with Journal(root) as journal, pytest.raises(Tampered) as caught:
        journal.verify()
    assert status_says(root) == caught.value.message


@pytest.mark.parametrize("finds", [Journal.verify_for_vote, Journal.verify])
def test_a_whole_copy_put_back_is_read_whole_and_then_nothing_is_remembered(spoilt: Root, finds: Callable[[Journal], None]) -> None:
    with Journal(spoilt) as journal, pytest.raises(AgentError):
        journal.verify()
    Path(spoilt.full(FILE)).write_bytes(Path(spoilt.full("whole.db")).read_bytes())
    assert status_says(spoilt), "it is the same file, and nobody has read it since"
    with Journal(spoilt) as journal:
        finds(journal)
    assert status_says(spoilt) is None


def test_a_vote_reads_everything_where_damage_was_found(root: Root) -> None:
    with Journal(root) as journal:
        early = journal.event("note", "", {})
        journal.verify_for_vote()
        beside(root).execute("UPDATE events SET at = at + 1 WHERE seq = ?", (early,)).connection.close()
        journal.event("note", "", {})
        journal.verify_for_vote()
        with pytest.raises(Tampered):
            journal.verify()
        with pytest.raises(Tampered):
            journal.verify_for_vote()


def test_who_begins_anew_or_puts_another_file_there_has_nothing_remembered(spoilt: Root) -> None:
    with Journal(spoilt) as journal, pytest.raises(AgentError):
        journal.verify()
    os.rename(spoilt.full("whole.db"), spoilt.full(FILE))
    assert status_says(spoilt) is None
    for path in (*Path(spoilt.path).glob("journal.db*"), Path(spoilt.full("journal.mark"))):
        path.unlink()
    assert status_says(spoilt) is None
    assert sorted(path.name for path in Path(spoilt.path).glob("journal*")) == ["journal.db"]
