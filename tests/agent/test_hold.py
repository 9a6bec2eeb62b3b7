"""Requests that wait for a decision, at a real Caddy and before a real daemon; and a lead that puts its data back before it goes back."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import clock, runs
from shipway_agent.decide import Held
from shipway_agent.errors import AgentError
from shipway_agent.hold import touch
from shipway_agent.primitives import data, hold
from shipway_agent.states import RESTORING, REVERTED
from shipway_agent.timetable import RUNNING, Run
from tests.agent.lodge import wait
from tests.agent.shop import Shop, get, shop
from tests.hosts.sessions import words_of
from tests.stories.project import processes_of

SECONDS = 30
MAIN = {"name": "main", "driver": "sqlite", "host": "a", "keep": 5, "timeout_seconds": 60.0, "path": "main.db"}

pytestmark = pytest.mark.slow


class Visitor(threading.Thread):
    """One request. `answer` is its status and the version that answered, None while it waits."""

    def __init__(self, port: int, page: str = "/") -> None:
        super().__init__()
        self._port = port
        self._page = page
        self.answer: tuple[int, str] | None = None
        self.start()

    def run(self) -> None:
        status, headers, _ = get(self._port, self._page, seconds=60.0)
        self.answer = (status, headers.get("x-version", ""))

    def told(self) -> tuple[int, str] | None:
        """What it was told in the end."""
        self.join()
        return self.answer


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Shop]:
    """A root that serves version 1, with a database below `shared/`."""
    with shop(tmp_path / "shop") as one:
        one.open_door()
        one.deploy(1, document={"data": [MAIN]}, worker=True)
        (tmp_path / "shop" / "shared").mkdir(exist_ok=True)
        with closing(opened(one)) as database:
            database.execute("CREATE TABLE notes (text)")
            database.execute("INSERT INTO notes VALUES ('written before')")
            database.commit()
        yield one


def opened(one: Shop) -> sqlite3.Connection:
    return sqlite3.connect(one.root.full("shared/main.db"))


def notes(one: Shop) -> list[str]:
    with closing(opened(one)) as database:
        return [str(row[0]) for row in database.execute("SELECT text FROM notes ORDER BY rowid")]


def held(one: Shop, **more: Any) -> dict[str, Any]:
    """Generation 2 is made, and requests wait for it."""
    one.make(2, document={"data": [MAIN]}, worker=True, **more)
    return hold.begin(one.context(2), {"seconds": SECONDS})


def touched(one: Shop) -> str:
    """Requests wait, a restore point was taken, and data has changed since: the point's name."""
    held(one)
    step = ("d-2", "point:main")
    one.journal.begin_step(*step, 2, now=clock.boot_now())
    one.journal.end_step(*step, "done", data.take(one.context(2), {"generation": 2, "name": "main", "timeout_seconds": 60.0}))
    point = str(touch(one.context(2), "main")["point"])
    with closing(opened(one)) as database:
        database.execute("ALTER TABLE notes ADD COLUMN of")
        database.execute("UPDATE notes SET text = 'changed'")
        database.commit()
    return point


def waits_for_good(one: Shop, visitor: Visitor) -> None:
    """Longer than a proxy goes on trying where nobody holds it."""
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        assert visitor.answer is None
        time.sleep(0.05)


def worker_runs(one: Shop, generation: int) -> bool:
    row = one.row(generation, "worker")
    return row is not None and row.state == "up"


def stage(one: Shop) -> str:
    attempt = one.journal.member().attempt("d-2")
    assert attempt is not None
    return attempt.stage


def front_of(one: Shop, number: int) -> set[str]:
    return set(os.listdir(one.root.full(f"generations/{number:06d}/front")))


# ------------------------------------------------------------------- it waits


def test_a_request_waits_from_the_hold_to_the_commit_and_the_new_release_answers_it(served: Shop) -> None:
    assert held(served)["note"] == "requests wait until the decision, each at most 30 s"
    visitor = Visitor(served.port)
    waits_for_good(served, visitor)
    served.start(2)
    served.turn(2)
    served.prove(2, workers=False, visit=False)
    waits_for_good(served, visitor)
    served.commit(2)
    assert visitor.told() == (200, "2")
    assert Visitor(served.port).told() == (200, "2")
    wait(lambda: worker_runs(served, 2) and served.row(1, "worker") is None, what="the new worker runs, and the old one does not")
    assert "held.30" not in front_of(served, 2)


@pytest.mark.parametrize("how_far", ["held", "started", "switched"])
def test_undone_the_old_release_answers_it(served: Shop, how_far: str) -> None:
    held(served)
    visitor = Visitor(served.port)
    if how_far != "held":
        served.start(2)
    if how_far == "switched":
        served.turn(2)
    waits_for_good(served, visitor)
    served.undo(2)
    assert visitor.told() == (200, "1")
    assert Visitor(served.port).told() == (200, "1")
    wait(lambda: worker_runs(served, 1), what="the old worker runs again")
    assert "held.30" not in front_of(served, 1)


def test_workers_rest_while_requests_are_still_served(served: Shop) -> None:
    assert worker_runs(served, 1)
    served.make(2, worker=True)
    hold.rest(served.context(2), {"seconds": SECONDS})
    assert served.row(1, "worker") is None
    assert Visitor(served.port).told() == (200, "1")
    assert served.journal.member().held == Held("d-2", SECONDS)
    hold.rest(served.context(2), {"seconds": SECONDS})
    served.undo(2)
    wait(lambda: worker_runs(served, 1), what="the worker runs again")


def test_requests_that_came_before_are_answered_first(served: Shop) -> None:
    slow = Visitor(served.port, "/slow?seconds=1.5")
    wait(lambda: hold._needed(served.context(1), served.rows(1)), what="it is on its way")
    held(served)
    slow.join(1.0)
    assert slow.answer == (200, "1"), "nobody writes any more when the step answers"


def test_requests_that_outlast_their_drain_time_are_no_hold(served: Shop) -> None:
    slow = Visitor(served.port, "/slow?seconds=20")
    wait(lambda: hold._needed(served.context(1), served.rows(1)), what="it is on its way")
    with pytest.raises(AgentError) as caught:
        held(served)
    assert caught.value.code == "still-writing"
    assert "1 requests that came before were not answered within 5 s" in caught.value.message
    served.undo(2)
    assert Visitor(served.port).told() == (200, "1")
    assert slow.told() == (200, "1")


def test_a_run_of_a_job_that_does_not_end_is_named_and_no_request_waits_for_it(served: Shop) -> None:
    run = Run("token", "nightly", 0.0, 1, RUNNING, clock.boot_id(), clock.wall_now(), clock.boot_now() + 600.0)
    runs.put_run(served.journal, run)
    served.make(2, worker=True)
    with pytest.raises(AgentError) as caught:
        hold.begin(served.context(2, seconds=1.0), {"seconds": SECONDS})
    assert (caught.value.code, caught.value.message) == ("still-writing", "not at rest in time: job nightly")
    assert Visitor(served.port).told() == (200, "1")


def test_past_its_bound_a_request_gets_the_page_and_the_next_one_waits(served: Shop) -> None:
    served.make(2)
    hold.begin(served.context(2), {"seconds": 5})
    status, headers, body = get(served.port, seconds=30.0)
    assert (status, headers["retry-after"]) == (503, "30")
    assert b"We are working on it" in body


def test_requests_wait_on_through_a_restart_of_the_supervisor_and_a_lease_that_runs_out_lets_them_in(served: Shop) -> None:
    held(served)
    served.kill_daemon()
    visitor = Visitor(served.port)
    served.ensure()
    waits_for_good(served, visitor)
    served.decide("renew", 2, seconds=0.0)
    assert visitor.told() == (200, "1")
    assert stage(served) == REVERTED


def test_a_hold_by_hand_goes_on_when_the_decision_is_there(served: Shop) -> None:
    order = {"how": "hold", "hold_seconds": 60, "message": "", "page": None}
    served.make(2, document={"maintenance": order})
    served.start(2)
    served.turn(2)
    served.commit(2)
    assert "held.60" in front_of(served, 2)
    served.make(3)
    hold.begin(served.context(3), {"seconds": SECONDS})
    served.undo(3)
    assert {"held.60"} == {name for name in front_of(served, 2) if name.startswith("held.")}


# ---------------------------------------------------------------- it goes back


@pytest.mark.parametrize("how_far", ["touched", "switched"])
def test_a_lead_puts_its_point_back_before_it_lets_anybody_in(served: Shop, how_far: str) -> None:
    touched(served)
    if how_far == "switched":
        served.start(2)
        served.turn(2)
    visitor = Visitor(served.port)
    served.decide("undo", 2)
    assert visitor.told() == (200, "1")
    assert notes(served) == ["written before"], "whoever is answered finds the data as it was"
    assert (stage(served), served.journal.member().held) == (REVERTED, None)


def test_nobody_drives_it_and_the_data_is_as_it_was_all_the_same(served: Shop) -> None:
    touched(served)
    served.decide("renew", 2, seconds=0.0)
    assert Visitor(served.port).told() == (200, "1")
    assert notes(served) == ["written before"]


def test_a_lead_that_comes_up_again_puts_its_point_back_and_lets_nobody_in_before(served: Shop) -> None:
    touched(served)
    served.start(2)
    served.turn(2)
    served.kill_daemon()
    served.journal.note_boot("another boot", clock.boot_now())
    assert (stage(served), os.readlink(served.root.full("current"))) == (RESTORING, "generations/000002")
    visitor = Visitor(served.port)
    waits_for_good(served, visitor)
    served.ensure()
    assert visitor.told() == (200, "1")
    assert notes(served) == ["written before"]


def test_a_supervisor_that_is_killed_while_it_puts_back_has_a_successor_that_ends_it(served: Shop) -> None:
    touched(served)
    served.journal.begin_step("d-2", "migrate:held", 2, now=clock.boot_now())
    served.decide("undo", 2)
    wait(lambda: restorers(served), what="a process of the supervisor is at it")
    served.kill_daemon()
    served.ensure()
    served.journal.end_step("d-2", "migrate:held", "done", {})
    assert Visitor(served.port).told() == (200, "1")
    assert notes(served) == ["written before"]
    wait(lambda: not restorers(served), what="nobody is at it any more")


def restorers(one: Shop) -> list[int]:
    return [pid for pid in processes_of(Path(one.root.path)) if b"restore" in words_of(pid)]


def test_a_point_that_cannot_be_put_back_is_told_and_tried_again_and_nobody_is_let_in(served: Shop) -> None:
    point = touched(served)
    damaged = Path(served.root.full(f"data/main/{point}/database"))
    content = damaged.read_bytes()
    damaged.write_bytes(b"damaged" + content)
    visitor = Visitor(served.port)
    served.decide("undo", 2)
    wait(lambda: (found := served.journal.member().held) is not None and found.tries >= 2, what="it is tried again")
    why = served.journal.member().held
    assert why is not None and point in why.why
    assert visitor.answer is None
    damaged.write_bytes(content)
    assert visitor.told() == (200, "1")
    assert notes(served) == ["written before"]


def test_a_step_that_still_runs_ends_before_the_point_is_put_back(served: Shop) -> None:
    touched(served)
    served.journal.begin_step("d-2", "migrate:held", 2, now=clock.boot_now())
    served.decide("undo", 2)
    visitor = Visitor(served.port)
    waits_for_good(served, visitor)
    with closing(opened(served)) as database:
        database.execute("INSERT INTO notes (text) VALUES ('late')")
        database.commit()
    served.journal.end_step("d-2", "migrate:held", "done", {})
    assert visitor.told() == (200, "1")
    assert notes(served) == ["written before"]


def test_without_a_restore_point_of_this_deployment_nothing_may_change(served: Shop) -> None:
    held(served)
    with pytest.raises(AgentError) as caught:
        touch(served.context(2), "main")
    assert caught.value.code == "no-point"


def test_where_requests_do_not_wait_nothing_may_change(served: Shop) -> None:
    served.make(2, document={"data": [MAIN]})
    served.journal.begin_step("d-2", "point:main", 2, now=clock.boot_now())
    served.journal.end_step("d-2", "point:main", "done", {"point": "main-1"})
    with pytest.raises(AgentError) as caught:
        touch(served.context(2), "main")
    assert caught.value.code == "order"


def test_where_nothing_was_there_to_be_lost_nothing_is_put_back(served: Shop) -> None:
    held(served)
    served.journal.begin_step("d-2", "point:main", 2, now=clock.boot_now())
    served.journal.end_step("d-2", "point:main", "done", {"skipped": True, "note": "there is no database yet"})
    assert touch(served.context(2), "main") == {"point": ""}
    assert served.decide("undo", 2)["decision"] == REVERTED
