"""Restore points as a person has them: around deployments and by hand, under load, and what is wrong with them told.

The database is a real PostgreSQL; somebody writes to it all the while, and notes every write that was acknowledged.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Server, postgres_is_there
from tests.stories.shop import Shop

pytestmark = [pytest.mark.slow, pytest.mark.skipif(postgres_is_there() is not None, reason=str(postgres_is_there()))]

TABLES = """
[local.env]
DATABASE_URL = "{url}"

[data.main]
driver = "postgres"
schedule = "0 3 * * *"

[data.uploads]
driver = "files"
path = "media"

[[task]]
name = "migrate"
phase = "activate"
once = true
run = "echo migrating"
"""


class Clerk(threading.Thread):
    """Writes a row after the other, and knows which were acknowledged."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server
        self._over = threading.Event()
        self.acknowledged = 0

    def run(self) -> None:
        while not self._over.is_set():
            self._server.sql("shop", "INSERT INTO items (name) VALUES ('written')")
            self.acknowledged += 1

    def end(self) -> int:
        self._over.set()
        self.join()
        return self.acknowledged


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as made:
        made.database("shop", "CREATE TABLE items (id serial PRIMARY KEY, name text)")
        made.sql("shop", "INSERT INTO items (name) SELECT 'item ' || n FROM generate_series(1, 1000) n")
        yield made


@pytest.fixture(scope="module")
def shop(common_place: Path, server: Server) -> Iterator[Shop]:
    shop = Shop(common_place, after=TABLES.format(url=server.url("shop")).replace("[local.env]", "[environment.local.env]"))
    yield shop
    shop.project.run("remove", "local", "--yes")
    assert (shop.root / "data/main").is_dir(), "restore points outlive the application"


def points(shop: Shop) -> list[dict[str, object]]:
    found: list[dict[str, object]] = shop.project.run("data", "list", "local", "--json").verdict["data"]["points"]
    return found


def test_one_is_taken_right_before_the_task_and_named_everywhere(shop: Shop, server: Server) -> None:
    shop.project.deploy("v1")
    (shop.root / "shared/media/upload.txt").write_text("of a visitor")
    clerk = Clerk(server)
    clerk.start()
    try:
        said = shop.project.deploy("v2")
    finally:
        written = clerk.end()
    assert written > 0
    lines = said.out.splitlines()
    taken = next(number for number, line in enumerate(lines) if "note: restore point main-" in line)
    assert taken < next(number for number, line in enumerate(lines) if "run migrate …" in line)
    point, uploads = shop.project.report()["points"]
    assert (point["data"], uploads["data"], uploads["rows"]) == ("main", "uploads", 1)
    assert 1000 <= point["rows"] <= 1000 + written
    assert point["point"] in shop.project.run("history", "local").out
    assert point["point"] in shop.project.run("show", "local", "@last").out
    assert [one["point"] for one in points(shop) if one["before"] == 2] == [point["point"], uploads["point"]]


def test_one_by_hand_is_restored_and_compared_while_somebody_writes(shop: Shop, server: Server) -> None:
    clerk = Clerk(server)
    clerk.start()
    try:
        taken = shop.project.run("data", "backup", "local", "--only", "main", "--json").verdict["data"]["points"]
        said = shop.project.run("data", "verify", "local", "main", "--restore")
    finally:
        clerk.end()
    assert len(taken) == 1
    assert f"{taken[0]['point']} was read back whole" in said.out
    assert f"{taken[0]['rows']:,} rows; restored and compared row for row in" in said.out
    assert server.databases() == {"postgres", "shop"}, "what was restored to compare is gone again"
    assert [one["restored_seconds"] for one in points(shop) if one["point"] == taken[0]["point"]] != [None]


def test_what_the_clock_starts_takes_one_and_says_so_in_its_log(shop: Shop) -> None:
    agent = (shop.root / "agent/current.pyz").resolve()
    document = json.loads((shop.root / "current/generation.json").read_text())
    assert [job["name"] for job in document["jobs"]] == ["restore-point-main"]
    said = subprocess.run(
        ["python3", "-I", "-S", str(agent), "point", "--root", str(shop.root), "--data", "main"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("restore point main-")
    assert [one["why"] for one in points(shop) if one["data"] == "main"][-1] == "by schedule"


def test_a_restore_says_what_it_would_lose_and_does_it_only_when_told(shop: Shop, server: Server) -> None:
    point = shop.project.run("data", "backup", "local", "--only", "main", "--json").verdict["data"]["points"][0]
    server.sql("shop", "DELETE FROM items WHERE id % 2 = 0")
    left = server.sql("shop", "SELECT count(*) FROM items")[0]
    asked = shop.project.run("data", "restore", "local", "main")
    assert f"public.items: {int(left):,} now, {point['rows']:,} then" in asked.out
    assert f"shipway data restore local {point['point']} --yes" in asked.text
    assert server.sql("shop", "SELECT count(*) FROM items")[0] == left, "nothing was touched"
    said = shop.project.run("data", "restore", "local", "main", "--yes")
    assert f"RESTORED: main of local is as it was at {point['point']}" in said.out
    assert server.sql("shop", "SELECT count(*) FROM items") == [str(point["rows"])]
    (kept,) = server.databases() - {"postgres", "shop"}
    assert server.sql(kept, "SELECT count(*) FROM items") == [left]
    assert "what was there is kept: shop_before_" in said.out
    assert shop.project.report()["verdict"] == "restored"
    assert f"restore {point['point']}" in shop.project.run("history", "local").out
    assert shop.version() == "2"
    server.sql("postgres", f'DROP DATABASE "{kept}"')


def test_a_point_that_was_damaged_is_no_and_says_what_to_type(shop: Shop) -> None:
    point = next(str(one["point"]) for one in reversed(points(shop)) if one["data"] == "main")
    file = shop.root / "data/main" / point / "dump"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    said = shop.project.run("data", "verify", "local", point, code=1)
    assert f"{point} is no good" in said.text
    refused = shop.project.run("data", "restore", "local", point, "--yes", code=1)
    assert "is not what was written there" in refused.text
    assert "shipway data backup local" in said.text


def test_a_database_that_cannot_be_copied_stops_the_deployment_before_anything_changes(shop: Shop, server: Server) -> None:
    server.sql("postgres", "ALTER DATABASE shop ALLOW_CONNECTIONS false")
    try:
        said = shop.project.deploy("v1", code=1)
    finally:
        server.sql("postgres", "ALTER DATABASE shop ALLOW_CONNECTIONS true")
    assert "take a restore point of main: the database says no" in said.text
    assert "run migrate …" not in said.text
    assert shop.version() == "2"
    backup = shop.project.run("data", "backup", "local", "--only", "mian", code=2)
    assert "the nearest is main" in backup.text
