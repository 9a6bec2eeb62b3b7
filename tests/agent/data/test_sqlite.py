"""Copies of a SQLite database: one moment of it, however many write; and a wrong path is no empty database."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shipway_agent.data import points
from shipway_agent.errors import AgentError
from tests.agent.data.kept import Kept, kept, of

SQLITE = of("sqlite", path="var/db.sqlite3")
ROWS = 20_000


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Kept]:
    with kept(tmp_path) as made:
        (made.path / "shared/var").mkdir(parents=True)
        with closing(live(made)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE pairs (id INTEGER PRIMARY KEY, left_one INTEGER, right_one INTEGER)")
            database.executemany("INSERT INTO pairs (left_one, right_one) VALUES (?, ?)", ((n, n) for n in range(ROWS)))
            database.commit()
        yield made


def live(home: Kept) -> sqlite3.Connection:
    return sqlite3.connect(home.path / "shared/var/db.sqlite3", timeout=30)


def test_a_copy_is_of_one_moment_while_others_write(home: Kept) -> None:
    """A writer changes both columns of all rows in one transaction: no copy may ever see one of them without the other."""
    stop = threading.Event()
    written = []

    def write() -> None:
        with closing(live(home)) as database:
            while not stop.is_set():
                database.execute("UPDATE pairs SET left_one = left_one + 1, right_one = right_one + 1")
                database.execute("INSERT INTO pairs (left_one, right_one) VALUES (0, 0)")
                database.commit()
                written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [home.take(SQLITE) for _ in range(3)]
    finally:
        stop.set()
        writer.join()
    assert len(written) > 1
    for one in made:
        with closing(sqlite3.connect(home.path / "data/main" / one["point"] / "database")) as copy:
            torn = copy.execute(
                "SELECT count(*) FROM pairs WHERE left_one <> right_one OR id < 20000 AND left_one - id + 1 <> "
                "(SELECT left_one - id + 1 FROM pairs WHERE id = 1)"
            ).fetchone()[0]
            assert torn == 0
            assert copy.execute("SELECT count(*) FROM pairs").fetchone()[0] == one["rows"]


def test_a_path_that_is_wrong_is_not_an_empty_database(home: Kept) -> None:
    with pytest.raises(AgentError, match="is not there") as said:
        home.take(of("sqlite", path="var/db.sqlite"))
    assert said.value.code == "no-database"
    assert not (home.path / "shared/var/db.sqlite").exists()


def test_a_database_that_lost_its_rows_is_not_taken_for_a_good_one(home: Kept) -> None:
    home.take(SQLITE)
    with closing(live(home)) as database:
        database.execute("DELETE FROM pairs")
        database.commit()
    with pytest.raises(AgentError, match=r"had 20,000") as said:
        home.take(SQLITE)
    assert said.value.code == "data-empty"
    assert len(home.names(SQLITE)) == 1 == len(home.files(SQLITE))
    assert home.take(SQLITE, may_be_empty=True)["rows"] == 0


def test_what_is_noted_of_migrations_is_no_row_of_the_application(home: Kept) -> None:
    """A revert takes these rows away with the migrations; an application without a row stays one."""
    with closing(live(home)) as database:
        database.execute("DELETE FROM pairs")
        database.execute("CREATE TABLE shipway_migrations (name text)")
        database.execute("INSERT INTO shipway_migrations VALUES ('0001')")
        database.commit()
    home.take(SQLITE)
    with closing(live(home)) as database:
        database.execute("DELETE FROM shipway_migrations")
        database.commit()
    assert home.take(SQLITE)["rows"] == 0


def test_a_live_database_that_is_damaged_gives_no_point(home: Kept) -> None:
    with closing(live(home)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (home.path / "shared/var/db.sqlite3").open("r+b") as file:
        file.seek(4096 * 20)
        file.write(b"\xff" * 4096)
    with pytest.raises(AgentError, match=r"damaged|malformed"):
        home.take(SQLITE)
    assert home.files(SQLITE) == []


@pytest.mark.parametrize("spoil", ["cut", "flip"])
def test_a_copy_that_was_damaged_is_told(home: Kept, spoil: str) -> None:
    made = home.take(SQLITE)
    file = home.path / "data/main" / made["point"] / "database"
    content = bytearray(file.read_bytes())
    if spoil == "cut":
        del content[-4096:]
    else:
        content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with points.opened(home.root, made["point"]) as point, pytest.raises(AgentError) as said:
        points.source_of(home.root, SQLITE, home.work()).read(point, points.about(point))
    assert said.value.code == "point-damaged"


def test_whoever_has_it_open_goes_on_with_the_rows_of_then(home: Kept) -> None:
    made = home.take(SQLITE)
    with closing(live(home)) as application:
        application.execute("UPDATE pairs SET left_one = -1")
        application.execute("CREATE TABLE later (x)")
        application.commit()
        back = home.put_back(SQLITE, made["point"])
        assert application.execute("SELECT count(*) FROM pairs WHERE left_one = -1").fetchone() == (0,)
        assert application.execute("SELECT count(*) FROM sqlite_master WHERE name = 'later'").fetchone() == (0,)
        application.execute("INSERT INTO pairs (left_one, right_one) VALUES (7, 7)")
        application.commit()
        assert application.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with closing(sqlite3.connect(back["kept"])) as kept_one:
        assert kept_one.execute("SELECT count(*) FROM pairs WHERE left_one = -1").fetchone() == (ROWS,)


def test_a_database_that_cannot_be_read_any_more_is_kept_byte_for_byte(home: Kept) -> None:
    made = home.take(SQLITE)
    file = home.path / "shared/var/db.sqlite3"
    with closing(live(home)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    content[4096 * 20 : 4096 * 21] = b"\xff" * 4096
    file.write_bytes(content)
    back = home.put_back(SQLITE, made["point"])
    with closing(live(home)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM pairs").fetchone() == (ROWS,)
    assert Path(back["kept"]).stat().st_size >= len(content) // 2


def test_done_again_what_was_there_first_stays_what_is_kept(home: Kept) -> None:
    """By a driver that did not hear the end: else the rows of the point would be kept over those that it replaced."""
    made = home.take(SQLITE)
    with closing(live(home)) as database:
        database.execute("UPDATE pairs SET left_one = -1")
        database.commit()
    first, again = home.put_back(SQLITE, made["point"]), home.put_back(SQLITE, made["point"])
    assert first["kept"] == again["kept"]
    with closing(sqlite3.connect(first["kept"])) as kept_one:
        assert kept_one.execute("SELECT count(*) FROM pairs WHERE left_one = -1").fetchone() == (ROWS,)
