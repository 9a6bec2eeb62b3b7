"""Migrations as a person has them: what a plan says of them, expand before the switch, contract once the old release is gone.

The database is a real PostgreSQL. Somebody writes to it all the while as the release that serves does: what that one needs must be there.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.databases import Server, postgres_is_there
from tests.stories.project import eventually
from tests.stories.shop import QUICK, Shop

pytestmark = [pytest.mark.slow, pytest.mark.skipif(postgres_is_there() is not None, reason=str(postgres_is_there()))]

HEAD = '\n[migrations]\nadapter = "sql"\n'
TABLES = '\n[environment.local.env]\nDATABASE_URL = "{url}"\n\n[data.main]\ndriver = "postgres"\n'

ITEMS = {"0001_items.sql": "CREATE TABLE items (id bigserial PRIMARY KEY, name text NOT NULL);", "0001_items.down.sql": "DROP TABLE items;"}
TITLE = {
    "0002_title.sql": "ALTER TABLE items ADD COLUMN title text;\nUPDATE items SET title = name WHERE title IS NULL;\n"
    "ALTER TABLE items ALTER COLUMN name DROP NOT NULL;\n",
    "0002_title.down.sql": "ALTER TABLE items DROP COLUMN title;",
    "0003_drop_name.sql": "-- shipway: contract\nALTER TABLE items DROP COLUMN name;\n",
}
BROKEN = {
    "0004_price.sql": "ALTER TABLE items ADD COLUMN price int;",
    "0004_price.down.sql": "ALTER TABLE items DROP COLUMN price;",
    "0005_broken.sql": "ALTER TABLE items ADD COLUMN sold int;\nALTER TABLE nothing ADD COLUMN a int;",
}
INSERTS = {"m1": "INSERT INTO items (name) VALUES ('written')", "m2": "INSERT INTO items (title) VALUES ('written')"}


class Clerk(threading.Thread):
    """Writes what the release that serves writes, and knows what was acknowledged and what failed."""

    def __init__(self, shop: Shop, server: Server, database: str) -> None:
        super().__init__()
        self._shop, self._server, self._database = shop, server, database
        self._over = threading.Event()
        self.acknowledged: dict[str, int] = {}
        self.failed: list[str] = []

    def run(self) -> None:
        while not self._over.is_set():
            version = self._shop.version()
            try:
                self._server.sql(self._database, INSERTS[version])
                self.acknowledged[version] = self.acknowledged.get(version, 0) + 1
            except Exception as error:
                self.failed.append(f"{version}: {error}")

    def __enter__(self) -> Clerk:
        self.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self._over.set()
        self.join()


def release(shop: Shop, version: str, files: Mapping[str, str]) -> None:
    """A commit with these migrations on top of what is there."""
    for name, text in files.items():
        shop.repository.write(f"migrations/{name}", text)
    shop.repository.write("VERSION", f"{version}\n")
    shop.repository.commit(f"Version {version}", version)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as made:
        made.database("shop")
        made.database("warm")
        yield made


@pytest.fixture(scope="module")
def shop(common_place: Path, server: Server) -> Iterator[Shop]:
    shop = Shop(common_place, settings=HEAD, after=TABLES.format(url=server.url("shop")))
    release(shop, "m1", ITEMS)
    release(shop, "m2", TITLE)
    yield shop
    shop.project.run("remove", "local", "--yes")


def columns(server: Server, database: str = "shop") -> list[str]:
    return server.sql(database, "SELECT column_name FROM information_schema.columns WHERE table_name = 'items' ORDER BY ordinal_position")


def test_a_first_deployment_makes_the_schema_before_anything_starts(shop: Shop, server: Server) -> None:
    said = shop.project.deploy("m1")
    assert "note: migrated main: 0001_items" in said.out
    assert columns(server) == ["id", "name"]
    (ran,) = shop.project.report()["migrations"]
    assert (ran["migration"], ran["phase"], ran["host"]) == ("0001_items", "expand", "a")
    assert shop.version() == "m1"


def test_a_plan_lists_them_with_what_they_do_and_lock(shop: Shop, server: Server) -> None:
    server.sql("shop", "INSERT INTO items (name) SELECT 'item ' || n FROM generate_series(1, 10000) n")
    out = shop.project.run("plan", "local", "--ref", "m2").out
    assert "2 migrations pending\n  expand: before the switch, while the release before serves\n    0002_title\n" in out
    assert "      locks items (" in out and "kB) against reads and writes for a moment\n" in out
    assert "  contract: behind the commit, once the release before is gone\n    0003_drop_name: destructive, irreversible\n" in out
    assert "      drops items.name\n      irreversible: there is no 0003_drop_name.down.sql\n" in out
    data = shop.project.run("plan", "local", "--ref", "m2", "--json").verdict["data"]["plan"]
    assert [(one["name"], one["phase"]) for one in data["migrations"]["pending"]] == [
        ("0002_title", "expand"),
        ("0003_drop_name", "contract"),
    ]
    assert [step["key"] for step in data["after"]["a"]] == ["point:main:behind", "migrate:contract"]
    assert columns(server) == ["id", "name"], "nothing was touched"


def test_expand_and_contract_under_load_lose_no_write(shop: Shop, server: Server) -> None:
    with Clerk(shop, server, "shop") as clerk:
        eventually(lambda: clerk.acknowledged.get("m1", 0) > 3, "somebody writes as the old release does")
        said = shop.project.deploy("m2")
        eventually(lambda: clerk.acknowledged.get("m2", 0) > 3, "somebody writes as the new release does")
    assert clerk.failed == []
    assert columns(server) == ["id", "title"]
    assert "note: migrated main: 0002_title" in said.out and "note: migrated main: 0003_drop_name" in said.out
    report = shop.project.report()
    assert [(one["migration"], one["phase"]) for one in report["migrations"]] == [("0002_title", "expand"), ("0003_drop_name", "contract")]
    assert [point["data"] for point in report["points"]] == ["main", "main"], "before each of the two"
    ends = {one["key"]: one["ended_seconds"] for one in report["hosts"]["a"]["steps"]}
    assert ends["migrate:expand"] < ends["switch"] < report["decided_seconds"] < ends["migrate:contract"]
    written = 10000 + clerk.acknowledged["m1"] + clerk.acknowledged["m2"]
    assert server.sql("shop", "SELECT count(*) FROM items") == [str(written)]
    assert "migrated 0002_title, 0003_drop_name" in shop.project.run("history", "local").out


def test_where_nothing_is_pending_no_point_is_taken_and_it_is_said(shop: Shop) -> None:
    release(shop, "m3", {})
    said = shop.project.deploy("m3")
    assert "note: no migrations are pending" in said.out
    report = shop.project.report()
    assert report["points"] == [] and report["migrations"] == []
    assert not [step["key"] for step in report["hosts"]["a"]["steps"] if step["key"].startswith(("migrate:", "point:"))]
    again = shop.project.deploy("m3")
    assert "UNCHANGED" in again.out


def test_a_rollback_across_a_contract_migration_is_refused_and_names_revert(shop: Shop) -> None:
    said = shop.project.rollback("m1", code=3)
    assert "0003_drop_name: a contract migration" in said.text
    assert "shipway revert local" in said.text
    assert "is current again" in shop.project.rollback("m2").out, "it has them too"
    shop.project.deploy("m3")


def test_one_that_fails_is_undone_and_those_that_stay_are_named(shop: Shop, server: Server) -> None:
    release(shop, "m4", BROKEN)
    said = shop.project.deploy("m4", code=1)
    assert "0005_broken failed, and changed nothing" in said.text
    assert "these migrations ran and stay: 0004_price" in said.text
    assert columns(server) == ["id", "title", "price"]
    assert shop.version() == "m3"
    assert [one["migration"] for one in shop.project.report()["migrations"]] == ["0004_price"]
    release(shop, "m5", {"0005_broken.sql": "ALTER TABLE items ADD COLUMN sold int;"})
    shop.project.deploy("m5")
    assert [one["migration"] for one in shop.project.report()["migrations"]] == ["0005_broken"]


def test_what_breaks_the_release_that_serves_is_said_and_may_be_refused(shop: Shop, server: Server) -> None:
    release(shop, "m6", {"0006_drop.sql": "ALTER TABLE items DROP COLUMN title;"})
    out = shop.project.run("plan", "local", "--ref", "m6").out
    lint = "0006_drop drops items.title, which m5 may still use: mark it `shipway: contract`, or `shipway: held`"
    assert f"note: {lint}" in out
    settings = (shop.repository.directory / "shipway.toml").read_text()
    refusing = '[migrations]\nrefuse = ["breaking", "irreversible"]'
    shop.repository.write("shipway.toml", settings.replace("[migrations]", refusing))
    shop.repository.commit("Refuse", "m7")
    said = shop.project.deploy("m7", code=3)
    assert "2 things of the pending migrations of local are refused by shipway.toml" in said.text
    assert "0006_drop breaks what serves: drops items.title" in said.text
    assert "0006_drop cannot be taken back: there is no 0006_drop.down.sql" in said.text
    assert columns(server) == ["id", "title", "price", "sold"] and shop.version() == "m5"


def test_a_file_that_cannot_be_read_is_named_with_its_line_before_anything_is_touched(shop: Shop) -> None:
    release(shop, "m8", {"0006_drop.sql": "SELECT 1;\nSELECT 'open;\n"})
    said = shop.project.deploy("m8", code=2)
    assert "migrations/0006_drop.sql, line 2: this migration cannot be read: the ' that begins here has no end" in said.text
    assert shop.version() == "m5"


def test_a_contract_migration_that_fails_is_not_settled_though_the_release_is_live(shop: Shop) -> None:
    broken = {"0006_drop.sql": "-- shipway: contract\nALTER TABLE nothing DROP COLUMN a;", "0006_drop.down.sql": "SELECT 1;"}
    release(shop, "m9", broken)
    said = shop.project.deploy("m9", code=4)
    assert "m9 is live in local" in said.text and "0006_drop failed, and changed nothing" in said.text
    assert "next: mend the cause, then shipway data migrate local" in said.text
    assert shop.version() == "m9"


def test_one_that_nobody_saw_end_is_settled_by_a_person(shop: Shop) -> None:
    files = {"0006_drop.sql": "SELECT 1;", "0007_vast.sql": "-- shipway: no transaction\nCREATE TABLE vast ();\nSELECT 1 / 0;"}
    release(shop, "m10", {**files, "0007_vast.down.sql": "DROP TABLE vast;"})
    said = shop.project.deploy("m10", code=1)
    assert "0007_vast failed; what it did before that stays" in said.text
    again = shop.project.deploy("m10", code=1)
    assert "0007_vast began and has no known ending" in again.text
    assert "shipway data settle local MIGRATION --done" in again.text
    assert "shipway data settle local 0007_vast --done" in shop.project.run("data", "settle", "local", "0007_vast", code=2).text
    assert "0007_vast counts as done in main" in shop.project.run("data", "settle", "local", "0007_vast", "--done").out
    shop.project.deploy("m10")
    assert shop.version() == "m10"


def test_a_contract_migration_waits_for_a_warm_release_and_is_run_by_hand(place: Path, server: Server) -> None:
    shop = Shop(place, ("a", "b"), settings=HEAD, more=f"{QUICK}\nkeep_warm_seconds = 20", after=TABLES.format(url=server.url("warm")))
    release(shop, "m1", ITEMS)
    release(shop, "m2", TITLE)
    shop.project.deploy("m1")
    said = shop.project.deploy("m2")
    waits = (
        "0003_drop_name waits: the release before stays warm for 20 s; the next deployment runs what waits, or shipway data migrate local"
    )
    assert f"note: {waits}" in said.out
    assert columns(server, "warm") == ["id", "name", "title"]
    refused = shop.project.run("data", "migrate", "local", code=3)
    assert "generation 1 is warm for" in refused.text
    eventually(lambda: shop.project.run("data", "migrate", "local", code=None).code == 0, "nothing of the release before runs", 90.0)
    assert columns(server, "warm") == ["id", "title"]
    record = json.loads(shop.project.run("history", "local", "--json").out.splitlines()[-1])["data"]["history"][0]
    assert (record["kind"], record["verdict"], record["migrations"]) == ("migrate", "migrated", ["0003_drop_name"])
    assert "UNCHANGED: no migrations are pending in local" in shop.project.run("data", "migrate", "local").out
    shop.project.run("remove", "local", "--yes")
