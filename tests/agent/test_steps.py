"""A list of steps: journalled before and after, done once, refused where it is too late, and settled where nobody knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import clock
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal, witness
from shipway_agent.root import Root
from tests.agent.workshop import DEPLOYMENT, NUMBER, RELEASE, Workshop, step, task, workshop

HELD = {"deployment": DEPLOYMENT, "fence": NUMBER, "seconds": 300.0}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with workshop(tmp_path / "root") as one:
        yield one


def touching(shop: Workshop, name: str, **more: Any) -> dict[str, Any]:
    """A step that adds a line to a file each time it really runs."""
    return step(f"task:{name}", "task.run", task(f"echo x >> {shop.home}/{name}", name=name, **more))


def runs(shop: Workshop, name: str) -> int:
    """How often it really ran."""
    path = shop.home / name
    return len(path.read_text().splitlines()) if path.exists() else 0


def events_of(shop: Workshop, key: str) -> list[str]:
    """What the journal's chain says of a step."""
    return [e["data"]["state"] for e in shop.journal.events() if e["kind"] == "step" and e["data"]["key"] == key]


def test_steps_run_in_order_and_answer_by_key(shop: Workshop) -> None:
    answer = shop.run(step("task:one", "task.run", task("echo 1")), step("task:two", "task.run", task("echo 2")))
    assert answer["failed"] is None
    assert [(done["key"], done["answer"]["lines"], done["reused"]) for done in answer["done"]] == [
        ("task:one", ["1"], False),
        ("task:two", ["2"], False),
    ]
    assert shop.states("task:one") == shop.states("task:two") == ["started", "done"]


def test_the_first_failure_ends_the_list(shop: Workshop) -> None:
    answer = shop.run(touching(shop, "one"), step("task:bad", "task.run", task("echo why; exit 3")), touching(shop, "never"))
    assert [done["key"] for done in answer["done"]] == ["task:one"]
    assert answer["failed"] == {
        "key": "task:bad",
        "code": "task-failed",
        "message": "task t ended with exit code 3",
        "lines": ["why"],
        "facts": {"task": "t", "exit": 3},
    }
    assert runs(shop, "never") == 0
    assert shop.states("task:bad") == ["started", "failed"]


def test_intent_and_outcome_are_in_the_journal(shop: Workshop) -> None:
    shop.run(touching(shop, "one"), step("task:bad", "task.run", task("exit 3")))
    assert events_of(shop, "task:one") == ["intent", "done"]
    assert events_of(shop, "task:bad") == ["intent", "failed"]
    shop.journal.verify()


def test_the_ending_of_a_step_and_the_intent_of_the_next_wait_for_the_disk_once(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []

    def mark(root: Root, seq: int) -> None:
        waits.append(seq)  # as after each write that waits for the disk

    monkeypatch.setattr(witness, "mark", mark)
    seen: list[list[str]] = []
    real = shop.hear

    def hear(event: Mapping[str, Any]) -> None:
        seen.append([e["data"]["key"] for e in shop.journal.events() if e["kind"] == "step" and e["data"]["state"] == "done"])
        real(event)
        if event.get("state") == "done":
            assert event["key"] in seen[-1], "what is told is on disk"

    monkeypatch.setattr(shop, "hear", hear)
    steps = [step(f"member:{number}", "member", {"do": "renew", **HELD}) for number in range(3)]
    assert [done["key"] for done in shop.run(*steps)["done"]] == ["member:0", "member:1", "member:2"]
    assert len(waits) == 4, "the first intent, two endings with an intent, the last ending"
    assert [events_of(shop, f"member:{number}") for number in range(3)] == [["intent", "done"]] * 3
    shop.journal.verify()


def test_an_ending_that_the_disk_does_not_take_is_that_steps_own_failure(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    real, full = Journal.end_step, [True]

    def end_step(journal: Journal, deployment: str, key: str, *rest: Any, **more: Any) -> None:
        if key == "task:one" and full[0]:
            raise AgentError("disk-full", "no space is left")
        real(journal, deployment, key, *rest, **more)

    monkeypatch.setattr(Journal, "end_step", end_step)
    answer = shop.run(touching(shop, "one"), touching(shop, "two"))
    assert (answer["done"], answer["failed"]["key"], answer["failed"]["code"]) == ([], "task:one", "disk-full")
    assert (runs(shop, "one"), runs(shop, "two")) == (1, 0)
    full[0] = False
    assert [done["key"] for done in shop.run(touching(shop, "one"), touching(shop, "two"))["done"]] == ["task:one", "task:two"]
    assert (runs(shop, "one"), runs(shop, "two")) == (1, 1), "how it ended was kept, and written before the next step"


def test_a_step_that_was_done_is_not_done_again(shop: Workshop) -> None:
    first = shop.run(touching(shop, "one"))
    again = shop.run(touching(shop, "one"))
    assert runs(shop, "one") == 1
    assert again["done"][0]["reused"]
    assert again["done"][0]["answer"] == first["done"][0]["answer"]


def test_a_step_that_failed_may_be_tried_again(shop: Workshop) -> None:
    failing = step("task:t", "task.run", task(f"echo x >> {shop.home}/t; test -e {shop.home}/ready"))
    assert shop.run(failing)["failed"]["code"] == "task-failed"
    (shop.home / "ready").touch()
    assert shop.run(failing)["failed"] is None
    assert runs(shop, "t") == 2


@pytest.mark.parametrize("code", ["unknown", "settled", "fenced", "expired"])
def test_nothing_begins_once_it_is_too_late(shop: Workshop, code: str) -> None:
    deployment = DEPLOYMENT
    if code == "unknown":
        deployment = "d-other"
    elif code == "settled":
        assert shop.decide({"do": "undo", "deployment": DEPLOYMENT, "fence": NUMBER})["ok"]
    else:
        assert shop.decide({"do": "finish", "deployment": DEPLOYMENT, "fence": NUMBER})["ok"]
        assert shop.lease(DEPLOYMENT if code == "expired" else "d-2", 2, seconds=300.0)["ok"] is (code == "fenced")
        if code == "expired":
            code = "settled"  # the lease was given back, and what was prepared under it discarded
    answer = shop.run(touching(shop, "one"), deployment=deployment)
    assert answer["failed"]["code"] == code
    assert runs(shop, "one") == 0


def test_a_lease_that_runs_out_in_the_middle_of_a_list_stops_it(tmp_path: Path) -> None:
    with workshop(tmp_path / "root") as shop:
        message = {"do": "renew", "deployment": DEPLOYMENT, "fence": NUMBER, "seconds": 0.3}
        assert shop.decide(message)["ok"]
        answer = shop.run(step("task:slow", "task.run", task("sleep 0.5")), touching(shop, "never"))
        assert [done["key"] for done in answer["done"]] == ["task:slow"]
        assert answer["failed"]["code"] == "expired"
        assert runs(shop, "never") == 0


def test_steps_behind_the_decision_say_so_and_only_their_number_counts(shop: Workshop) -> None:
    assert shop.decide({"do": "undo", "deployment": DEPLOYMENT, "fence": NUMBER})["ok"]
    assert shop.run(touching(shop, "undo"), decided=True)["failed"] is None
    assert shop.run(touching(shop, "undo2"), decided=True, fence=0)["failed"]["code"] == "fenced"
    assert (runs(shop, "undo"), runs(shop, "undo2")) == (1, 0)


def test_a_list_with_a_mistake_in_it_does_nothing_at_all(shop: Workshop) -> None:
    for wrong in ({"key": "k"}, step("k", "no.such", {}), {**step("k", "task.run", {}), "timeout_seconds": "soon"}):
        with pytest.raises(AgentError) as caught:
            shop.run(touching(shop, "one"), wrong)
        assert caught.value.code in ("steps", "unknown-step")
    assert runs(shop, "one") == 0


def test_no_step_begins_once_the_channel_has_ended_but_the_running_one_is_finished(shop: Workshop) -> None:
    timer = threading.Timer(0.2, shop.ended.set)
    timer.start()
    answer = shop.run(step("task:slow", "task.run", task("sleep 0.6; echo whole")), touching(shop, "never"))
    timer.join()
    assert answer["done"][0]["answer"]["lines"] == ["whole"]
    assert answer["failed"]["code"] == "ended"
    assert events_of(shop, "task:slow") == ["intent", "done"]
    assert runs(shop, "never") == 0


def test_the_same_step_on_a_second_channel_waits_for_the_first_and_takes_its_answer(shop: Workshop) -> None:
    slow = step("task:slow", "task.run", task(f"echo x >> {shop.home}/slow; sleep 0.5; echo whole"))
    answers: list[dict[str, Any]] = []
    first = threading.Thread(target=lambda: answers.append(_on_its_own(shop, slow)))
    first.start()
    until = time.monotonic() + 30
    while runs(shop, "slow") == 0 and time.monotonic() < until:
        time.sleep(0.01)
    second = shop.run(slow)
    first.join(30)
    assert runs(shop, "slow") == 1
    assert second["done"][0]["reused"]
    assert second["done"][0]["answer"] == answers[0]["done"][0]["answer"]


def test_a_message_to_the_record_is_a_step_that_fails_with_the_record_s_own_code(shop: Workshop) -> None:
    vote = {"do": "vote", "deployment": DEPLOYMENT, "fence": NUMBER}
    assert shop.run(step("member:vote", "member", vote))["done"][0]["answer"]["stage"] == "prepared"
    too_early = {"do": "ready", "deployment": DEPLOYMENT, "fence": NUMBER}
    assert shop.run(step("member:ready", "member", too_early))["failed"]["code"] == "order"


def test_a_fault_of_ours_is_told_as_one_and_the_step_has_an_ending(shop: Workshop) -> None:
    failed = shop.run(step("task:t", "task.run", {"generation": "not a number"}))["failed"]
    assert failed["code"] == "internal"
    assert any("tasks.py" in line for line in failed["lines"])
    assert events_of(shop, "task:t") == ["intent", "failed"]


# --------------------------------------------------------- once per release


def test_a_task_of_prepare_is_done_once_per_release_whatever_deployment_asks(shop: Workshop) -> None:
    prepared = touching(shop, "install", per_release=True)
    shop.run(prepared)
    shop.decide({"do": "finish", "deployment": DEPLOYMENT, "fence": NUMBER})
    assert shop.lease("d-2", 2)["ok"]
    shop.generation(2, {})
    again = step(prepared["key"], "task.run", {**prepared["args"], "generation": 2})
    answer = shop.run(again, deployment="d-2", fence=2)
    assert answer["done"][0]["reused"]
    assert runs(shop, "install") == 1


def test_it_is_done_again_when_its_command_or_its_environment_is_another(shop: Workshop) -> None:
    shop.run(touching(shop, "install", per_release=True))
    shop.decide({"do": "finish", "deployment": DEPLOYMENT, "fence": NUMBER})
    assert shop.lease("d-2", 2)["ok"]
    shop.generation(2, {"common": {"COLOUR": "blue"}})
    shop.run(
        step("task:install", "task.run", {**touching(shop, "install", per_release=True)["args"], "generation": 2}),
        deployment="d-2",
        fence=2,
    )
    assert runs(shop, "install") == 2


def test_it_is_done_again_when_what_it_wrote_is_gone(shop: Workshop) -> None:
    build = touching(shop, "build", per_release=True, outputs=["public"])
    shop.run(build)
    (shop.home / "outputs" / RELEASE / "public").rmdir()
    shop.run(build)
    assert runs(shop, "build") == 2


# ------------------------------------------------- the agent is killed mid-way

KILLED = """
import json, sys, threading
from shipway_agent.call import Call, Place
from shipway_agent.root import Root
from shipway_agent.steps import run
root = Root(sys.argv[1])
step = {"key": "task:t", "do": "task.run", "timeout_seconds": 60.0, "args": json.loads(sys.argv[2])}
args = {"deployment": "d-1", "fence": 1, "steps": [step]}
with Call(Place(root, "", "a", "test"), args, (), lambda event: None, threading.Event()) as call:
    run(call)
"""


def killed_while(shop: Workshop, args: dict[str, Any]) -> None:
    """Begin a task in an agent of its own, and kill that agent once the task has written its first line."""
    child = subprocess.Popen([sys.executable, "-c", KILLED, shop.root.path, json.dumps(args)], env={**os.environ, "PYTHONPATH": _sources()})
    try:
        until = time.monotonic() + 30
        while runs(shop, "t") == 0 and time.monotonic() < until:
            time.sleep(0.01)
        assert runs(shop, "t") == 1
    finally:
        child.kill()
        child.wait(30)


def test_a_task_whose_agent_was_killed_holds_the_lease_until_its_own_timeout_and_is_then_ended(shop: Workshop) -> None:
    killed_while(shop, task(f"echo x >> {shop.home}/t; sleep 600", timeout_seconds=2.0))
    assert shop.decide({"do": "finish", "deployment": DEPLOYMENT, "fence": NUMBER})["ok"]
    held = shop.lease("d-2", 2)
    assert (held["ok"], held["code"], held["key"], held["deployment"]) == (False, "busy", "task:t", DEPLOYMENT)
    assert 0 < held["seconds_left"] <= 2
    until = time.monotonic() + 30
    while not (reply := shop.lease("d-2", 2))["ok"] and time.monotonic() < until:
        time.sleep(0.05)
    assert reply["ok"]
    assert shop.living() == []


def test_the_step_of_a_killed_agent_is_unknown_and_waits_for_what_still_runs_before_its_check_decides(shop: Workshop) -> None:
    args = task(f"echo x >> {shop.home}/t; sleep 0.7; touch {shop.home}/migrated", check=f"test -e {shop.home}/migrated")
    killed_while(shop, args)
    answer = shop.run(step("task:t", "task.run", args))
    assert answer["done"][0]["answer"]["skipped"]
    assert runs(shop, "t") == 1


def test_without_a_check_it_stays_unknown(shop: Workshop) -> None:
    args = task(f"echo x >> {shop.home}/t; sleep 0.2")
    killed_while(shop, args)
    assert shop.run(step("task:t", "task.run", args))["failed"]["code"] == "unknown-outcome"
    assert shop.run(step("task:t", "task.run", args))["failed"]["code"] == "unknown-outcome"
    assert runs(shop, "t") == 1


def _on_its_own(shop: Workshop, order: dict[str, Any]) -> dict[str, Any]:
    from shipway_agent.call import Call, Place
    from shipway_agent.steps import run

    args = {"deployment": DEPLOYMENT, "fence": NUMBER, "steps": [order]}
    with Call(Place(shop.root, "", "a", "test"), args, (), lambda event: None, threading.Event()) as call:
        return run(call)


def _sources() -> str:
    return str(Path(clock.__file__).parent.parent)


def test_the_journal_can_be_read_by_another_connection_while_a_step_runs(shop: Workshop) -> None:
    seen: list[str] = []

    def look() -> None:
        with Journal(shop.root) as journal:
            until = time.monotonic() + 30
            while not (busy := journal.busy()) and time.monotonic() < until:
                time.sleep(0.01)
            seen.extend(step.key for step in busy)

    thread = threading.Thread(target=look)
    thread.start()
    shop.run(step("task:slow", "task.run", task("sleep 0.5")))
    thread.join(30)
    assert seen == ["task:slow"]


class Elsewhere:
    """A list of steps that runs in a thread, as when its driver no longer waits for it."""

    def __init__(self, shop: Workshop, order: dict[str, Any]) -> None:
        self.answer: dict[str, Any] = {}
        self._thread = threading.Thread(target=lambda: self.answer.update(_on_its_own(shop, order)))
        self._thread.start()
        until = time.monotonic() + 30
        while runs(shop, "t") == 0 and time.monotonic() < until:
            time.sleep(0.01)

    def end(self) -> dict[str, Any]:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.answer


def test_a_task_that_nobody_sees_is_ended_when_its_deployment_is(shop: Workshop) -> None:
    order = step("task:t", "task.run", task(f"echo x >> {shop.home}/t; sleep 987 & sleep 987", per_release=True))
    running = Elsewhere(shop, order)
    shop.decide({"do": "undo", "deployment": DEPLOYMENT, "fence": NUMBER})
    failed = running.end()["failed"]
    assert (failed["code"], "ended with all its processes" in failed["message"]) == ("settled", True)
    assert shop.living() == []


def test_an_undo_waits_until_what_it_undoes_has_ended(shop: Workshop) -> None:
    running = Elsewhere(shop, step("task:t", "task.run", task(f"echo x >> {shop.home}/t; sleep 0.7; echo done >> {shop.home}/told")))
    shop.decide({"do": "undo", "deployment": DEPLOYMENT, "fence": NUMBER})
    answer = shop.run(step("undo:task:t", "task.run", task(f"echo undone >> {shop.home}/told", name="t")), decided=True)
    assert answer["failed"] is None
    assert (shop.home / "told").read_text() == "done\nundone\n"
    assert running.end()["failed"] is None


def test_an_undo_does_not_wait_for_ever(shop: Workshop) -> None:
    running = Elsewhere(shop, step("task:t", "task.run", task(f"echo x >> {shop.home}/t; sleep 1.5")))
    shop.decide({"do": "undo", "deployment": DEPLOYMENT, "fence": NUMBER})
    answer = shop.run(step("undo:task:t", "task.run", task("true", name="t"), timeout_seconds=0.2), decided=True)
    assert answer["failed"]["code"] == "busy"
    running.end()


def test_an_ending_that_the_disk_did_not_take_is_written_before_the_next_step(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step would look like one that still runs, for its process lives; an undo would wait for it until its own bound."""
    took, end_step = [False, False, True], Journal.end_step

    def sometimes(journal: Journal, *args: Any, **more: Any) -> None:
        if not took.pop(0):
            raise AgentError("disk-full", "no space is left")
        end_step(journal, *args, **more)

    monkeypatch.setattr(Journal, "end_step", sometimes)
    assert shop.run(touching(shop, "t"))["failed"]["code"] == "disk-full"
    shop.decide({"do": "undo", "deployment": DEPLOYMENT, "fence": NUMBER})
    undo = step("undo:task:t", "task.run", task(f"echo undone >> {shop.home}/t", name="t"), timeout_seconds=30.0)
    assert shop.run(undo, decided=True)["failed"]["code"] == "disk-full", "still no room: told at once, and nothing is waited for"
    took.extend([True])
    assert shop.run(undo, decided=True)["failed"] is None
    assert (shop.home / "t").read_text() == "x\nundone\n"
    assert events_of(shop, "task:t") == ["intent", "done"]
