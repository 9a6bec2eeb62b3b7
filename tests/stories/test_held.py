"""Held migrations as visitors have them: they wait, and are answered by whichever release is right; nothing they were promised is lost.

Two hosts with a real proxy each, a real PostgreSQL, visitors and a worker who write all the while, and a migration after which neither
release can work with the other's schema.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Server, postgres_is_there
from tests.hosts.sessions import words_of
from tests.stories.project import eventually, processes_of
from tests.stories.till import Till, Visitors

pytestmark = [pytest.mark.slow, pytest.mark.skipif(postgres_is_there() is not None, reason=str(postgres_is_there()))]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        yield made


@pytest.fixture
def till(place: Path, server: Server) -> Till:
    """It serves v1."""
    till = Till(place, server)
    till.project.deploy("v1")
    return till


def nothing_is_lost(till: Till, visitors: Visitors) -> None:
    """Nobody was turned away; the database has what visitors were told, row for row, and all that the worker was told."""
    assert not visitors.failed, visitors.failed[:5]
    assert visitors.acknowledged, "who never buys anything proves nothing"
    print(f"{len(visitors.acknowledged)} sales, the longest waited {visitors.longest_seconds:.1f} s")
    sold, done = till.sold(), till.work_done()
    assert {key for key in sold if key.startswith("visitor-")} == visitors.acknowledged
    assert done and done <= sold, "a worker that is told to end may not hear of its last one"


def is_as_before(till: Till) -> None:
    """The old release serves everywhere, with its schema, and works on."""
    assert {till.version(host) for host in till.doors} == {"v1"}
    assert till.columns() == ["key"]
    done = till.work_done()
    eventually(lambda: till.work_done() > done, "the worker works again")


def test_a_good_one_goes_live_and_every_visitor_is_answered(till: Till) -> None:
    with Visitors(till) as visitors:
        said = till.project.deploy("v2")
    assert {till.version(host) for host in till.doors} == {"v2"}
    assert till.columns() == ["note", "number"]
    assert "requests wait until the decision, each at most 120 s" in said.text
    done = till.work_done()
    eventually(lambda: till.work_done() > done, "the worker works again")
    end(till)
    nothing_is_lost(till, visitors)


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_one_that_fails_behind_its_migration_leaves_every_row_and_the_schema_as_they_were(till: Till, version: str) -> None:
    with Visitors(till) as visitors:
        said = till.project.deploy(version, code=1)
    assert "undone on every host: v1 serves everywhere" in said.text
    assert "a  note: main is as it was at main-" in said.text and "what was there is kept: till_before_" in said.text
    is_as_before(till)
    end(till)
    nothing_is_lost(till, visitors)


def step(key: str, state: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["event"] == "step" and (event["data"]["key"], event["data"]["state"]) == (key, state)


MOMENTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "requests wait": step("hold", "done"),
    "the restore point is there": step("point:main", "done"),
    "the migration runs": lambda event: event["event"] == "output" and "applying 0001" in event["data"]["line"],
    "candidates are ready": step("member:ready", "done"),
    "it has switched": lambda event: event["event"] == "switched",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_driver_that_is_killed_leaves_every_row_and_the_schema_as_they_were(till: Till, moment: str) -> None:
    with Visitors(till) as visitors:
        kill_driver(till, MOMENTS[moment])
        eventually(lambda: all(member(till, name)["held"] is None for name in till.roots), "the hosts come to an end by themselves", 60.0)
    is_as_before(till)
    end(till)
    nothing_is_lost(till, visitors)


def test_the_leads_supervisor_may_be_killed_as_well_and_the_next_command_ends_it(till: Till) -> None:
    with Visitors(till) as visitors:
        kill_driver(till, MOMENTS["the migration runs"])
        os.kill(supervisor_of(till.roots["a"]), signal.SIGKILL)
        said = till.project.run("resume", "local", code=1)
    assert "UNDONE" in said.text and "v1 serves everywhere" in said.text
    is_as_before(till)
    end(till)
    nothing_is_lost(till, visitors)


def test_where_the_data_cannot_be_put_back_status_says_so_and_visitors_wait_until_it_can(till: Till) -> None:
    with Visitors(till) as visitors:
        kill_driver(till, MOMENTS["the migration runs"])
        (dump,) = till.roots["a"].glob("data/main/main-*/dump")
        whole = dump.read_bytes()
        dump.write_bytes(whole[: len(whole) // 2])
        eventually(lambda: (member(till, "a")["held"] or {}).get("tries", 0) > 0, "it was tried", 60.0)
        said = till.project.run("status", "local", code=4)
        assert f"held: the restore point {dump.parent.name} could not be put back: " in said.text
        assert "requests wait until deployment" in said.text and "shipway resume local settles it " in said.text
        told = till.project.run("resume", "local", code=4)
        assert "nobody writes: requests wait on every host" in told.text and "shipway resume local" in told.text
        dump.write_bytes(whole)
        till.project.run("resume", "local", code=1)
    is_as_before(till)
    end(till)
    nothing_is_lost(till, visitors)


def kill_driver(till: Till, at: Callable[[dict[str, Any]], bool]) -> None:
    """Begin to deploy v2, and end its driver with SIGKILL at an event that it tells."""
    process = till.project.start("deploy", "local", "--ref", "v2", "--json")
    assert process.stdout is not None
    told = []
    for line in process.stdout:
        told.append(line)
        event = json.loads(line)
        if "event" in event and at(event):
            process.kill()
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL, told[-3:]


def member(till: Till, name: str) -> dict[str, Any]:
    """What a host's record says, read from its journal as it is on disk."""
    import sqlite3

    with sqlite3.connect(f"file:{till.roots[name]}/journal.db?mode=ro", uri=True) as database:
        record = json.loads(database.execute("SELECT json FROM member").fetchone()[0])
    return {"held": None, **record}


def supervisor_of(root: Path) -> int:
    """The process that supervises a root."""
    wanted = [b"supervise", b"--root", os.fsencode(root)]
    return next(pid for pid in processes_of(root) if set(wanted) <= set(words_of(pid)))


def end(till: Till) -> None:
    """Nobody works any more, so that what was acknowledged can be counted."""
    till.project.run("stop", "local")
