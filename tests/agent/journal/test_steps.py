"""Steps are done once; what began and has no ending is known for what it is."""

from __future__ import annotations

import os
from typing import Any

import pytest

from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal, Step
from shipway_agent.root import Root
from tests.agent.journal.acts import NOW, lease


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
