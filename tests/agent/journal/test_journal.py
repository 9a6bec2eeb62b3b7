"""A host's memory: what was decided is on disk when a reply leaves, and outlives every reboot."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shipway_agent import clock
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.root import Root
from shipway_agent.states import BACK, COMMITTED, DISCARDED, LEASED, SWITCHED
from tests.agent.journal.acts import NOW, beside, lease, switched


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


def test_whoever_waits_for_a_lease_is_remembered_once_and_again_when_he_has_it(journal: Journal) -> None:
    journal.decide(lease(), NOW)
    before = len(journal.events())
    for tried in range(50):
        assert journal.decide(lease(2), NOW + tried / 2)["code"] == "held"
    assert journal.decide(lease(3), NOW + 25)["code"] == "held", "each who waits is remembered"
    assert journal.decide(lease(2), NOW + 31)["ok"]
    told = [(event["deployment"], event["data"]["reply"]["ok"]) for event in journal.events()[before:]]
    assert told == [("d2", False), ("d3", False), ("d2", True)]
    journal.verify()


def test_committed_generations_are_remembered_newest_first(journal: Journal) -> None:
    for number in (1, 2, 3):
        switched(journal, number)
        journal.decide({"do": "commit" if number != 2 else "undo", "deployment": f"d{number}", "fence": number}, NOW)
        journal.decide({"do": "finish", "deployment": f"d{number}", "fence": number}, NOW)
    assert journal.good() == [3, 1]


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


def test_a_question_costs_the_same_however_old_the_journal_is(journal: Journal) -> None:
    """Counted in instructions of SQLite, so that it holds on any machine."""

    def cost(ask: Callable[[], object]) -> int:
        count = [0]

        def step() -> int:
            count[0] += 1
            return 0

        journal._file.db.set_progress_handler(step, 10)
        ask()
        journal._file.db.set_progress_handler(None, 0)
        return count[0]

    def grow(deployments: int) -> None:
        with journal.transaction() as db:
            for number in range(deployments):
                journal.event("acknowledged", f"d-{number}", {"members": ["a"]})
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
        journal.event("other", "d-9", {})
    old = [cost(question) for question in questions]
    assert all(later <= 2 * before + 10 for before, later in zip(young, old, strict=True)), (young, old)
