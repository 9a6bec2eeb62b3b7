"""Copies of a real PostgreSQL database: one moment of it, read back, restored beside it and compared row for row."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

import pytest

from shipway_agent.data import points, programs
from shipway_agent.data.declared import Declared
from shipway_agent.data.postgres import Postgres, beside
from shipway_agent.errors import AgentError
from shipway_agent.record import replace
from tests.agent.data.kept import Kept, of
from tests.databases import Server, postgres_is_there

pytestmark = [pytest.mark.slow, pytest.mark.skipif(postgres_is_there() is not None, reason=str(postgres_is_there()))]

ODD = 'we"ird; DROP TABLE items; --'
"""The name of a table, which must never be read as anything else."""

TABLES = (
    "CREATE TABLE items (id serial PRIMARY KEY, name text, price numeric, at timestamptz DEFAULT now())",
    "INSERT INTO items (name, price) SELECT 'item ' || n, n * 1.5 FROM generate_series(1, 5000) n",
    "CREATE TABLE sessions (id int)",
    "INSERT INTO sessions SELECT generate_series(1, 100)",
    "CREATE SCHEMA other",
    'CREATE TABLE other."' + ODD.replace('"', '""') + '" (x int[])',
    'INSERT INTO other."' + ODD.replace('"', '""') + "\" VALUES ('{1,2}'), (NULL)",
)


@pytest.fixture(scope="module")
def server(server: Server) -> Server:
    server.database("shop", *TABLES)
    server.database("shop_old", "CREATE TABLE items (id int)")
    return server


def shop(server: Server) -> Declared:
    return of("postgres", url=server.url("shop"))


def restored(home: Kept, data: Declared, point: str, name: str) -> dict[str, object]:
    with points.opened(home.root, point) as folder:
        return Postgres(data, home.work()).restore(folder, points.about(folder), name, home.said.append)


def test_what_comes_back_is_what_was_copied_row_for_row(server: Server, home: Kept) -> None:
    made = home.take(shop(server))
    assert (made["tables"], made["rows"]) == (3, 5102)
    restored(home, shop(server), made["point"], "shop_again")
    rows = "SELECT md5(string_agg(i::text, '|' ORDER BY id)) FROM items i"
    assert server.sql("shop", rows) == server.sql("shop_again", rows)
    Postgres(shop(server), home.work()).drop("shop_again")
    assert server.databases() == {"postgres", "shop", "shop_old"}


def test_a_copy_is_of_one_moment_while_others_write(server: Server, home: Kept) -> None:
    """Money goes from one row to another, 50 rows in one transaction: the sum is the same in every moment, and in every copy."""
    server.database(
        "bank",
        "CREATE TABLE accounts (id int PRIMARY KEY, amount int)",
        "INSERT INTO accounts SELECT n, 100 FROM generate_series(1, 20000) n",
    )
    stop = threading.Event()
    move = "UPDATE accounts SET amount = amount + CASE WHEN id % 2 = 0 THEN 1 ELSE -1 END"
    moved = []

    def write() -> None:
        while not stop.is_set():
            server.sql("bank", move)
            moved.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        data = of("postgres", url=server.url("bank"))
        made = home.take(data)
    finally:
        stop.set()
        writer.join()
    assert moved
    restored(home, data, made["point"], "bank_again")
    assert server.sql("bank_again", "SELECT sum(amount), min(amount) + max(amount) FROM accounts") == ["2000000|200"]
    Postgres(data, home.work()).drop("bank_again")


def test_rows_that_are_left_out_are_said_to_be(server: Server, home: Kept) -> None:
    data = replace(shop(server), leave_out=["sessions"])
    made = home.take(data)
    assert (made["left_out"], made["rows"]) == (["public.sessions"], 5002)
    restored(home, data, made["point"], "shop_without")
    assert server.sql("shop_without", "SELECT count(*) FROM sessions") == ["0"]
    Postgres(data, home.work()).drop("shop_without")
    with pytest.raises(AgentError, match="sesions") as said:
        home.take(replace(data, leave_out=["sesions"]))
    assert said.value.code == "leave-out"


@pytest.mark.parametrize(("database", "code"), [("sho", "database"), ("hop_old", "database")])
def test_a_name_that_is_part_of_another_is_no_database(server: Server, home: Kept, database: str, code: str) -> None:
    data = of("postgres", url=server.url(database))
    with pytest.raises(AgentError, match="does not exist") as said:
        home.take(data)
    assert said.value.code == code
    assert home.files(data) == []


def test_a_dump_that_was_killed_gives_no_point(server: Server, home: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump has written a file by then that pg_restore would list without complaint."""
    began = programs.Program.__init__

    def begin(self: programs.Program, argv: list[str], *words: object, **more: object) -> None:
        began(self, argv, *words, **more)  # type: ignore[arg-type]  # passed on as they came
        if argv[0].endswith("pg_dump"):
            os.kill(self.child.pid, signal.SIGKILL)

    monkeypatch.setattr(programs.Program, "__init__", begin)
    with pytest.raises(AgentError, match="pg_dump ended with -9") as said:
        home.take(shop(server))
    assert said.value.code == "dump"
    assert home.files(shop(server)) == []


@pytest.mark.parametrize("spoil", ["cut", "flip"])
def test_a_copy_that_was_damaged_is_told_and_never_restored(server: Server, home: Kept, spoil: str) -> None:
    made = home.take(shop(server))
    file = home.path / "data/main" / made["point"] / "dump"
    content = bytearray(file.read_bytes())
    if spoil == "cut":
        del content[-100:]
    else:
        content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with points.opened(home.root, made["point"]) as point, pytest.raises(AgentError) as said:
        Postgres(shop(server), home.work()).read(point, points.about(point))
    assert said.value.code == "point-damaged"
    with pytest.raises(AgentError):
        restored(home, shop(server), made["point"], "shop_damaged")
    assert "shop_damaged" not in server.databases()


def test_a_restore_that_lost_a_row_is_taken_away_again(server: Server, home: Kept) -> None:
    made = home.take(shop(server))
    with points.opened(home.root, made["point"]) as point:
        tables = points.about(point)["tables"]
        points.note(point, tables={**tables, "public.items": {**tables["public.items"], "rows": 5001}})
    with pytest.raises(AgentError, match="1 tables differ") as said:
        restored(home, shop(server), made["point"], "shop_short")
    assert said.value.code == "restore-differs"
    assert "public.items: 5,001 rows were copied, 5,000 rows came back" in said.value.lines
    assert "shop_short" not in server.databases()


def test_a_password_is_in_no_argument_and_in_no_complaint(server: Server, home: Kept) -> None:
    data = of("postgres", url=server.url("nowhere").replace("postgres@", "postgres:canary@"))
    seen: list[str] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.append(subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises(AgentError) as said:
            home.take(data)
    finally:
        stop.set()
        watcher.join()
    assert "canary" not in str(said.value.to_json())
    assert not any("canary" in text for text in seen)


def test_who_may_not_make_databases_needs_an_administrator(server: Server, home: Kept) -> None:
    server.sql("postgres", "CREATE ROLE clerk LOGIN")
    server.database("ledger", owner="clerk")
    server.sql("ledger", "SET ROLE clerk; CREATE SCHEMA own; CREATE TABLE own.lines AS SELECT 1 AS n")
    clerk = of("postgres", url=server.url("ledger", "clerk"))
    made = home.take(clerk)
    with pytest.raises(AgentError, match="permission denied to create database"):
        restored(home, clerk, made["point"], "ledger_again")
    restored(home, replace(clerk, admin_url=server.url("postgres")), made["point"], "ledger_again")
    assert server.sql("ledger_again", "SELECT tableowner FROM pg_tables WHERE schemaname = 'own'") == ["clerk"]
    Postgres(replace(clerk, admin_url=server.url("postgres")), home.work()).drop("ledger_again")


def test_a_copy_takes_the_name_while_somebody_writes_and_what_was_there_is_kept(server: Server, home: Kept) -> None:
    """Each write goes to one of the two databases, and the writer always finds one of that name."""
    server.database(
        "town",
        "CREATE TABLE lines (id serial PRIMARY KEY, text text)",
        "INSERT INTO lines (text) SELECT 'then' FROM generate_series(1, 100)",
    )
    server.sql("postgres", "ALTER DATABASE town SET search_path TO public, pg_catalog; ALTER DATABASE town SET work_mem TO '5MB'")
    server.sql("postgres", "CREATE ROLE reader; GRANT CONNECT ON DATABASE town TO reader; REVOKE ALL ON DATABASE town FROM PUBLIC")
    data = of("postgres", url=server.url("town"))
    made = home.take(data)
    written: list[int] = []
    stop = threading.Event()
    argv = ["psql", "-X", "-q", "-A", "-t", "-h", str(server.place), "-p", str(server.port), "-U", "postgres", "town"]

    def write() -> None:
        while not stop.is_set():
            ended = subprocess.run([*argv, "-c", "INSERT INTO lines (text) VALUES ('now') RETURNING id"], capture_output=True, check=False)
            if ended.returncode == 0:
                written.append(int(ended.stdout))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        back = home.put_back(data, made["point"])
        after = len(written)
        while len(written) < after + 2:
            time.sleep(0.05)
    finally:
        stop.set()
        writer.join()
    assert back["kept"] == "town_before_abc123"
    assert server.sql("town", "SELECT count(*) FROM lines WHERE text = 'then'") == ["100"]
    there = [int(server.sql(name, "SELECT count(*) FROM lines WHERE text = 'now'")[0]) for name in ("town", back["kept"])]
    assert sum(there) == len(written), "no write that was acknowledged is lost: it is in one of the two"
    assert min(there) > 0
    of_town = "(SELECT oid FROM pg_database WHERE datname = 'town')"
    config = f"SELECT array_to_string(setconfig, '; ') FROM pg_db_role_setting WHERE setdatabase = {of_town}"
    assert server.sql("postgres", config) == ["search_path=public, pg_catalog; work_mem=5MB"]
    rights = "SELECT has_database_privilege('reader', 'town', 'CONNECT'), has_database_privilege('public', 'town', 'CONNECT')"
    assert server.sql("postgres", rights) == ["t|f"]
    assert not [name for name in server.databases() if "_new_" in name]


def test_a_swap_that_cannot_be_leaves_everything_as_it_was(server: Server, home: Kept) -> None:
    """Somebody renames the live one in the last moment."""
    server.database("village", "CREATE TABLE lines AS SELECT 1 AS n")
    data = of("postgres", url=server.url("village"))
    made = home.take(data)

    def say(line: str) -> None:
        if "takes the place" in line:
            server.sql("postgres", "ALTER DATABASE village RENAME TO elsewhere")

    with points.opened(home.root, made["point"]) as folder, pytest.raises(AgentError, match="does not exist") as said:
        Postgres(data, home.work()).put_back(folder, points.about(folder), "abc123", say)
    assert said.value.code == "swap"
    assert server.sql("elsewhere", "SELECT n FROM lines") == ["1"]
    assert not [name for name in server.databases() if "_new_" in name or name.startswith("village")]


def test_done_again_it_takes_the_place_once(server: Server, home: Kept) -> None:
    """By a driver that did not hear the end: what was written since would be put aside else."""
    server.database("twice", "CREATE TABLE lines AS SELECT 1 AS n")
    data = of("postgres", url=server.url("twice"))
    made = home.take(data)
    server.sql("postgres", 'CREATE DATABASE "twice_new_abc123"')  # of an agent that was killed before
    first = home.put_back(data, made["point"])
    server.sql("twice", "INSERT INTO lines VALUES (2)")
    assert home.put_back(data, made["point"])["kept"] == first["kept"]
    assert server.sql("twice", "SELECT n FROM lines ORDER BY n") == ["1", "2"]
    assert not [name for name in server.databases() if "_new_" in name]


def test_a_restore_that_nobody_waits_for_any_more_leaves_nothing(server: Server, home: Kept) -> None:
    made = home.take(shop(server))
    gone = replace(home.work(), moot=lambda: any(line.startswith("comparing") for line in home.said))
    with points.opened(home.root, made["point"]) as folder, pytest.raises(AgentError) as said:
        Postgres(shop(server), gone).restore(folder, points.about(folder), "shop_left", home.said.append)
    assert said.value.code == "ended"
    assert "shop_left" not in server.databases()


def test_a_long_name_stays_one_that_the_server_does_not_cut() -> None:
    name = beside("ä" * 40, "before", "12_a1b2c3")
    assert name.endswith("_before_12_a1b2c3")
    assert 60 <= len(name.encode()) <= 63
