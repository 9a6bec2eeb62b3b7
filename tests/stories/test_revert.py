"""Going back with the schema, and with the data: under visitors who write all the while, with a driver that dies, there and back again.

Two hosts with a real proxy each and a real PostgreSQL. What the database has in the end is compared with what visitors were promised.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Server, postgres_is_there
from tests.stories.project import eventually
from tests.stories.shelf import Box, Shelf
from tests.stories.till import Visitors

pytestmark = [pytest.mark.slow, pytest.mark.skipif(postgres_is_there() is not None, reason=str(postgres_is_there()))]

V1 = {"sales": ["key"]}
V2 = {"audit": ["id", "what"], "sales": ["key", "note"]}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        yield made


@pytest.fixture
def shelf(place: Path, server: Server) -> Shelf:
    """It served v1 and serves v2."""
    shelf = Shelf(place, server)
    shelf.project.deploy("v1")
    shelf.project.deploy("v2")
    assert shelf.schema() == V2
    return shelf


def serves(shelf: Shelf) -> set[str]:
    return {shelf.version(host) for host in shelf.doors}


def test_schema_and_code_go_back_together_and_no_acknowledged_write_is_lost(shelf: Shelf) -> None:
    asked = shelf.project.run("revert", "local")
    order = [line.strip() for line in asked.out.splitlines() if line.strip().startswith("000")]
    assert order == ["0002_audit", "0001_note"], asked.text
    assert "requests wait meanwhile" in asked.out and "shipway revert local --yes" in asked.text
    assert (serves(shelf), shelf.schema()) == ({"v2"}, V2), "nothing was touched"
    with Visitors(shelf) as visitors:
        said = shelf.project.run("revert", "local", "--yes")
    assert "v1 is current again in local (schema too)" in said.out
    assert (serves(shelf), shelf.schema(), shelf.applied()) == ({"v1"}, V1, [])
    assert not visitors.failed, visitors.failed[:5]
    assert shelf.sold() == visitors.acknowledged
    report = shelf.project.report()
    assert (report["kind"], report["verdict"], report["what"]) == ("revert", "live", "revert to v1 (generation 1), schema too")
    assert "revert to v1 (generation 1), schema too" in shelf.project.run("history", "local").out


def test_what_was_left_is_held_back_until_it_is_released_and_a_revert_can_be_reverted(shelf: Shelf) -> None:
    shelf.server.sql("till", "INSERT INTO sales (key) VALUES ('one')")
    shelf.project.run("revert", "local", "--yes")
    refused = shelf.project.run("deploy", "local", "--ref", "v3", code=3)
    assert "v2, from which" in refused.text and "shipway release local" in refused.text
    assert "v2 was reverted and is held back" in shelf.project.run("status", "local").out
    shelf.project.run("deploy", "local", "--ref", "v1")
    shelf.project.run("release", "local")
    assert "held back" not in shelf.project.run("status", "local").out
    assert "nothing is held back" in shelf.project.run("release", "local").out
    assert "release v2" in shelf.project.run("history", "local").out
    shelf.project.deploy("v2")
    assert shelf.schema() == V2
    shelf.project.run("revert", "local", "v1", "--yes")
    forward = shelf.project.run("revert", "local", "v2", "--yes")
    assert "v2 is current again" in forward.out
    assert (serves(shelf), shelf.schema()) == ({"v2"}, V2)
    assert "held back" not in shelf.project.run("status", "local").out, "who goes forward again has released it"


def test_what_cannot_be_taken_back_is_refused_and_the_data_comes_back_with_the_code(shelf: Shelf) -> None:
    shelf.server.sql("till", "INSERT INTO sales (key, note) VALUES ('old', 'sold')")
    shelf.project.deploy("v3")
    shelf.server.sql("till", "INSERT INTO sales (key, note) VALUES ('new', 'sold')")
    asked = shelf.project.run("revert", "local")
    assert "0003_upper: cannot be (there is no 0003_upper.down.sql)" in asked.out
    assert "public.sales: 2 now, 1 then" in asked.out and "--hard" in asked.text
    refused = shelf.project.run("revert", "local", "--soft", "--yes", code=3)
    assert "1 of 1 migrations cannot be taken back: 0003_upper" in refused.text
    hard = shelf.project.run("revert", "local", "--hard")
    assert "public.sales: 2 now, 1 then" in hard.out
    assert serves(shelf) == {"v3"}, "nothing was touched"
    before = set(shelf.server.sql("till", "SELECT key || note FROM sales"))
    assert before == {"oldSOLD", "newsold"}
    with Visitors(shelf) as visitors:
        said = shelf.project.run("revert", "local", "--hard", "--yes")
    assert "v2 is current again in local (with data)" in said.out
    assert not visitors.failed, visitors.failed[:5]
    (kept,) = (name for name in shelf.server.databases() if name.startswith("till_before_"))
    lost = set(shelf.server.sql(kept, "SELECT key FROM sales")) - {"old"}
    assert "new" in lost, "what was there is kept"
    assert shelf.sold() == {"old"} | (visitors.acknowledged - lost)
    assert set(shelf.server.sql("till", "SELECT key || note FROM sales WHERE key = 'old'")) == {"oldsold"}
    assert shelf.applied() == ["0001_note", "0002_audit"]
    assert shelf.schema() == V2


def test_one_that_fails_leaves_every_row_column_and_table_as_they_were(shelf: Shelf) -> None:
    shelf.server.sql("till", "INSERT INTO audit (what) VALUES ('kept')")
    shelf.server.sql("till", "DROP TABLE wanted")
    with Visitors(shelf) as visitors:
        said = shelf.project.run("revert", "local", "--yes", code=1)
    assert "UNDONE" in said.out and "v2 serves everywhere" in said.out
    assert (serves(shelf), shelf.schema()) == ({"v2"}, V2)
    assert not visitors.failed, visitors.failed[:5]
    assert set(shelf.server.sql("till", "SELECT key || note FROM sales")) == {f"{key}sold" for key in visitors.acknowledged}
    assert shelf.server.sql("till", "SELECT what FROM audit") == ["kept"]
    assert "held back" not in shelf.project.run("status", "local").out


def test_where_the_keeper_does_not_lead_a_failure_applies_again_what_was_taken_back(place: Path, server: Server) -> None:
    shelf = Shelf(place, server, keeper="b")
    shelf.project.deploy("v1")
    shelf.project.deploy("v2")
    shelf.server.sql("till", "INSERT INTO sales (key, note) VALUES ('one', 'sold')")
    shelf.server.sql("till", "DROP TABLE wanted")
    asked = shelf.project.run("revert", "local")
    assert "requests cannot wait meanwhile (the restore points of main are kept by b, and a leads)" in asked.out
    said = shelf.project.run("revert", "local", "--yes", code=1)
    assert "undone: migrate:reverse on b" in said.out
    assert (serves(shelf), shelf.schema(), shelf.applied()) == ({"v2"}, V2, ["0001_note", "0002_audit"])
    refused = shelf.project.run("revert", "local", "--hard", "--yes", code=3)
    assert "nobody could decide about both at once" in refused.text
    shelf.server.sql("till", "CREATE TABLE wanted ()")
    shelf.project.run("revert", "local", "--yes")
    assert (serves(shelf), shelf.schema(), shelf.sold()) == ({"v1"}, V1, {"one"})


def test_a_database_and_files_come_back_together_or_not_at_all(place: Path) -> None:
    box = Box(place)
    box.project.deploy("v1")
    box.put("one")
    box.project.deploy("v2")
    box.put("two")
    now = (["ONE", "two"], ["one", "two"])
    refuse = box.root / "shared/var/refuse-v1"
    refuse.touch()
    box.project.run("revert", "local", "--hard", "--yes", code=1)
    assert box.has() == now
    refuse.unlink()
    box.project.run("revert", "local", "--hard", "--yes")
    assert box.has() == (["one"], ["one"])
    box.project.run("revert", "local", "--hard", "--yes")
    assert box.has() == now, "and forward again, with what was there"


def test_a_report_and_a_time_name_what_was_before(shelf: Shelf) -> None:
    report = shelf.project.directory / ".shipway/reports" / f"{shelf.project.report()['deployment']}.json"
    assert "back to v1, generation 1" in shelf.project.run("revert", str(report)).out
    assert "back to v1, generation 1" in shelf.project.run("revert", "local", str(report)).out
    assert "nothing to do" in shelf.project.run("revert", "local", "2099-01-01").text
    unknown = shelf.project.run("revert", "local", "2020-01-01", code=3)
    assert "was current at 2020-01-01 is not known here any more" in unknown.text


def step(key: str, state: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event.get("event") == "step" and event["data"].get("key") == key and event["data"].get("state") == state


MOMENTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "requests wait": step("hold", "done"),
    "the restore point is there": step("point:main", "done"),
    "a migration is taken back": lambda event: event.get("event") == "output" and "taking 0002" in str(event["data"].get("line")),
    "candidates are ready": step("member:ready", "done"),
    "it has switched": lambda event: event.get("event") == "switched",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_driver_that_is_killed_leaves_code_and_schema_wholly_old_or_wholly_new(shelf: Shelf, moment: str) -> None:
    with Visitors(shelf) as visitors:
        kill_driver(shelf, MOMENTS[moment])
        shelf.project.run("resume", "local", code=None)
        eventually(lambda: shelf.project.run("status", "local", code=None).code == 0, "the hosts agree", 90.0)
    assert (serves(shelf), shelf.schema()) in (({"v1"}, V1), ({"v2"}, V2))
    assert not visitors.failed, visitors.failed[:5]
    assert shelf.sold() == visitors.acknowledged


HARD: dict[str, Callable[[dict[str, Any]], bool]] = {
    "the restore point is there": step("point:main", "done"),
    "the earlier one takes its place": lambda event: event.get("event") == "output" and "takes the place" in str(event["data"].get("line")),
    "candidates are ready": step("member:ready", "done"),
}


@pytest.mark.parametrize("moment", HARD)
def test_a_driver_that_is_killed_leaves_the_data_of_then_with_the_code_of_then_or_neither(shelf: Shelf, moment: str) -> None:
    shelf.server.sql("till", "INSERT INTO sales (key, note) VALUES ('old', 'sold')")
    shelf.project.deploy("v3")
    shelf.server.sql("till", "INSERT INTO sales (key, note) VALUES ('new', 'sold')")
    kill_driver(shelf, HARD[moment], "--hard")
    shelf.project.run("resume", "local", code=None)
    eventually(lambda: shelf.project.run("status", "local", code=None).code == 0, "the hosts agree", 90.0)
    rows = set(shelf.server.sql("till", "SELECT key || note FROM sales"))
    assert (serves(shelf), rows) in (({"v3"}, {"oldSOLD", "newsold"}), ({"v2"}, {"oldsold"}))


def test_a_check_starts_the_earlier_release_beside_a_copy_and_takes_both_away(shelf: Shelf) -> None:
    yes = shelf.project.run("revert", "local", "--check")
    assert "yes: v1 starts on a with a copy of its data as it is now, and is healthy" in yes.text
    assert serves(shelf) == {"v2"}
    shelf.server.sql("till", "ALTER TABLE sales RENAME COLUMN key TO number")
    no = shelf.project.run("revert", "local", "--check", code=1)
    assert "no: v1 on a with a copy of its data as it is now: it was not healthy within 30 s" in no.text and "500" in no.text
    shelf.server.sql("till", "ALTER TABLE sales RENAME COLUMN number TO key")
    assert shelf.server.databases() == {"postgres", "till"}, "the copies are gone"
    assert [path.name for path in (shelf.roots["a"] / "check").iterdir()] == ["lock"]


def kill_driver(shelf: Shelf, at: Callable[[dict[str, Any]], bool], *words: str) -> None:
    """Begin to go back, and end the driver with SIGKILL at an event that it tells."""
    process = shelf.project.start("revert", "local", *words, "--yes", "--json")
    assert process.stdout is not None
    told = []
    for line in process.stdout:
        told.append(line)
        if at(json.loads(line)):
            process.kill()
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL, told[-3:]
