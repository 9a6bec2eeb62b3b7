"""process.start, workers.settled and retire.watch: what they wait for, and what they say when it does not come."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent import group, ownership
from shipway_agent.errors import AgentError
from shipway_agent.primitives import generations, processes
from tests.agent.lodge import Lodge, lodge, process, wait


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Lodge]:
    with lodge(tmp_path / "r") as one:
        one.ensure()
        yield one


def candidate(home: Lodge, number: int) -> None:
    """The record lets candidates of generation `number` run."""
    home.lease(number)
    home.decide("vote", number)
    home.decide("start", number)


def refusal(home: Lodge, number: int, seconds: float = 30.0) -> AgentError:
    with pytest.raises(AgentError) as error:
        processes.start(home.context(number, seconds), {"generation": number})
    return error.value


def test_start_answers_when_every_listener_is_healthy_and_has_its_slots(home: Lodge) -> None:
    home.generation(1, process(instances=2), process("api", "socket"), process("worker", None))
    candidate(home, 1)
    answer = processes.start(home.context(1), {"generation": 1})
    rows = home.rows(1)
    assert {row.name for row in rows} == {"web", "api"}  # a worker starts after the switch
    assert answer["addresses"] == {name: [row.address for row in rows if row.name == name] for name in ("web", "api")}
    slots = generations.read_slots(home.root, 1)
    assert [slots[f"web.{i}"] for i in (1, 2, 3, 12)] == [
        *answer["addresses"]["web"],
        answer["addresses"]["web"][0],
        answer["addresses"]["web"][1],
    ]
    for row in rows:
        assert row.address is not None
        assert ownership.owner(row.address, group.pids(group.members(group.Instance("none", row.pid, row.pid_start)))).ours


def test_start_again_changes_nothing(home: Lodge) -> None:
    home.generation(1, process())
    candidate(home, 1)
    first = processes.start(home.context(1), {"generation": 1})
    before = home.rows(1)
    assert processes.start(home.context(1), {"generation": 1})["addresses"] == first["addresses"]
    assert home.rows(1) == before


def test_without_a_health_page_it_is_enough_that_a_listener_accepts(home: Lodge) -> None:
    home.generation(1, process(health=None), env={"web": {"DELAY": "0.5"}})
    candidate(home, 1)
    assert processes.start(home.context(1), {"generation": 1})["seconds"] >= 0.5


def test_a_generation_without_listeners_is_started_at_once(home: Lodge) -> None:
    home.generation(1)
    candidate(home, 1)
    assert processes.start(home.context(1), {"generation": 1})["addresses"] == {}


def test_a_candidate_that_cannot_start_is_named_with_its_exit_and_its_last_lines(home: Lodge) -> None:
    home.generation(1, process(run=["/bin/sh", "-c", "echo no database; exit 7"]))
    candidate(home, 1)
    error = refusal(home, 1)
    assert error.code == "died"
    assert error.message.startswith("web.1 of generation 1 ended with 7 within ")
    assert list(error.lines)[-1] == "no database"
    assert error.facts["exit"] == 7


def test_a_candidate_that_dies_after_a_while_is_not_given_a_second_life(home: Lodge) -> None:
    home.generation(1, process(), env={"web": {"DELAY": "20", "DIE_AFTER": "0.5"}})
    candidate(home, 1)
    assert refusal(home, 1).facts["exit"] == 3


def test_a_candidate_that_is_told_to_try_again_may_come_up_the_second_time(home: Lodge) -> None:
    home.generation(1, process(run=["/bin/sh", "-c", f"[ -e there ] && exec {sys.executable} site.py; touch there; exit 1"]))
    candidate(home, 1)
    assert refusal(home, 1).code == "died"
    assert processes.start(home.context(1), {"generation": 1})["addresses"]["web"]


def test_a_candidate_that_is_never_healthy_is_named_with_its_last_answer(home: Lodge) -> None:
    health = {"page": {"path": "/sick", "status": [200], "contains": None, "timeout_seconds": 5}, "within_seconds": 4.0}
    home.generation(1, process(health=health))
    candidate(home, 1)
    error = refusal(home, 1)
    assert error.code == "unhealthy"
    assert error.message.startswith("web.1 of generation 1 was not healthy at /sick within 4.")
    assert "wanted status 200; status 500, body: ok" in error.message
    assert any("begins" in line for line in error.lines)


def test_a_candidate_that_listens_elsewhere_is_not_healthy(home: Lodge) -> None:
    home.generation(1, process(run=["/bin/sh", "-c", f"PORT=0 exec {sys.executable} site.py"], health=None))
    candidate(home, 1)
    error = refusal(home, 1, seconds=2.0)
    assert error.code == "unhealthy"
    assert "nothing accepts connections at 127.0.0.1:" in error.message


HANDS_ON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    os.execve(sys.executable, [sys.executable, "site.py"], {"PORT": os.environ["PORT"]})
time.sleep(600)
"""


def test_a_healthy_answer_from_somebody_else_is_not_ours(home: Lodge) -> None:
    """The candidate hands its port to a process without our marker, in a session of its own."""
    home.generation(1, process(run=[sys.executable, "-c", HANDS_ON]))
    candidate(home, 1)
    try:
        error = refusal(home, 1)
        assert error.code == "port"
        assert "is not who answers" in error.message
    finally:
        row = home.row(1)
        assert row is not None
        assert row.address is not None
        stranger = ownership.holder_of(row.address)
        assert stranger is not None
        known = group.known(stranger)
        assert known is not None
        group.end([known], 9)


def test_a_generation_that_is_not_to_run_is_refused_at_once(home: Lodge) -> None:
    home.generation(1, process())
    home.lease(1)
    assert refusal(home, 1).code == "order"


def test_a_generation_that_is_not_there_is_refused(home: Lodge) -> None:
    assert refusal(home, 7).code == "no-generation"


def test_workers_are_settled_when_new_ones_run_and_old_ones_that_may_not_overlap_are_gone(home: Lodge) -> None:
    for number in (1, 2):
        home.generation(number, process("queue", None, overlap=False, drain_seconds=1.0), process("mail", None))
    home.serve(1)
    assert processes.settled(home.context(1), {"generation": 1}) == {"workers": ["queue", "mail"]}
    home.switch(2)
    assert processes.settled(home.context(2), {"generation": 2}) == {"workers": ["queue", "mail"]}
    assert home.row(1, "queue") is None
    assert home.row(1, "mail") is not None
    assert {row.state for row in home.rows(2)} == {"up"}


def test_a_worker_that_does_not_stay_up_is_named(home: Lodge) -> None:
    home.generation(1, process("queue", None, run=["/bin/sh", "-c", "echo no broker; exit 4"]))
    home.switch(1)
    with pytest.raises(AgentError) as error:
        processes.settled(home.context(1), {"generation": 1})
    assert error.value.code == "died"
    assert "queue.1 of generation 1 does not stay up; it ended with 4" in error.value.message
    assert "no broker" in error.value.lines


def test_what_is_waited_for_is_named_when_the_time_is_over(home: Lodge) -> None:
    for number in (1, 2):
        home.generation(number, process("queue", None, overlap=False, drain_seconds=60.0), env={"queue": {"STUBBORN": "1"}})
    home.serve(1)
    wait(lambda: "begins" in home.log("queue.1"))
    home.switch(2)
    home.wait_row(1, "queue", state="stopping")
    with pytest.raises(AgentError) as error:
        processes.settled(home.context(2, seconds=1.0), {"generation": 2})
    assert error.value.code == "waiting"
    assert "queue.1 of generation 1 is not gone yet (stopping)" in error.value.message


def test_what_drains_is_told_with_its_seconds(home: Lodge) -> None:
    home.generation(1, process("queue", None, drain_seconds=600.0), env={"queue": {"STUBBORN": "1"}})
    home.generation(2, process("queue", None))
    home.serve(1)
    wait(lambda: "begins" in home.log("queue.1"))
    assert processes.draining(home.context(2), {}) == {"draining": []}
    home.serve(2)
    home.wait_row(1, "queue", state="stopping")
    (one,) = processes.draining(home.context(2), {})["draining"]
    assert (one["generation"], one["name"], one["state"]) == (1, "queue", "stopping")
    assert 500 < one["seconds_left"] <= 600
