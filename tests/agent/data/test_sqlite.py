"""Copies of a SQLite database: one moment of it, however many write; and a wrong path is no empty database."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from shipway_agent.data import points, sqlite
from shipway_agent.errors import AgentError
from tests.agent.data.kept import Kept, of

SQLITE = of("sqlite", path="var/db.sqlite3")
ROWS = 20_000
ROOT = Path(__file__).parents[3]

READS = """
import sqlite3, sys
reader = sqlite3.connect(sys.argv[1], isolation_level=None)
reader.execute("BEGIN")
reader.execute("SELECT count(*) FROM pairs").fetchone()
print("reads", flush=True)
sys.stdin.read()
"""

STOPS = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from shipway_agent.data import sqlite
from tests.agent.data.kept import kept, of
sqlite.PAGES = 1
def stops(self, path):
    def look(code, left, total):
        if 0 < left < total // 2:
            print("half", flush=True)
            time.sleep(60)
    return look
with kept(Path(sys.argv[1])) as home:
    sqlite.Sqlite._patience = stops
    home.put_back(of("sqlite", path="var/db.sqlite3"), sys.argv[3])
"""


@pytest.fixture
def home(home: Kept) -> Kept:
    (home.path / "shared/var").mkdir(parents=True)
    with closing(live(home)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE pairs (id INTEGER PRIMARY KEY, left_one INTEGER, right_one INTEGER)")
        database.executemany("INSERT INTO pairs (left_one, right_one) VALUES (?, ?)", ((n, n) for n in range(ROWS)))
        database.commit()
    return home


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


@pytest.fixture(params=["delete", "wal"])
def mode(request: pytest.FixtureRequest, home: Kept) -> str:
    with closing(live(home)) as database:
        database.execute(f"PRAGMA journal_mode = {request.param}")
    return str(request.param)


def changed(home: Kept) -> None:
    with closing(live(home)) as database:
        database.execute("UPDATE pairs SET left_one = -1")
        database.commit()


def assert_as_changed(home: Kept) -> None:
    with closing(live(home)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*), sum(left_one = -1) FROM pairs").fetchone() == (ROWS, ROWS)


def test_somebody_in_a_transaction_is_named_and_nothing_has_changed(home: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a journal that is no WAL one reader is enough; it may read for hours."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    monkeypatch.setattr(sqlite, "LOOK_SECONDS", 0.1)
    with closing(live(home)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    made = home.take(SQLITE)
    changed(home)
    file = str(home.path / "shared/var/db.sqlite3")
    reader = subprocess.Popen([sys.executable, "-c", READS, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reads\n"
        with pytest.raises(AgentError, match=rf"end who has it open: process {reader.pid} \(python") as said:
            home.put_back(SQLITE, made["point"])
        assert said.value.code == "swap"
    finally:
        reader.communicate()
    assert_as_changed(home)
    back = home.put_back(SQLITE, made["point"])
    with closing(live(home)) as database:
        assert database.execute("SELECT count(*) FROM pairs WHERE left_one = -1").fetchone() == (0,)
    with closing(sqlite3.connect(back["kept"])) as kept_one:
        assert kept_one.execute("SELECT count(*) FROM pairs WHERE left_one = -1").fetchone() == (ROWS,)


def test_a_writer_that_stays_in_its_transaction_is_waited_for_no_longer(home: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has the whole file locked: not even what is there can be kept."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    monkeypatch.setattr(sqlite, "LOOK_SECONDS", 0.1)
    with closing(live(home)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    made = home.take(SQLITE)
    with closing(live(home)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(AgentError, match="in a transaction of somebody"):
            home.put_back(SQLITE, made["point"])
        writer.rollback()
    assert list((home.path / "shared/var").glob("*.before-abc123")) == []
    home.put_back(SQLITE, made["point"])


def test_nobody_waits_for_a_restore_past_its_bound(home: Kept, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = home.take(SQLITE)
    changed(home)
    monkeypatch.setattr(sqlite, "PAGES", 1)
    with points.opened(home.root, made["point"]) as point:
        about = points.about(point)
        source = points.source_of(home.root, SQLITE, home.work(0.0))
        with pytest.raises(AgentError) as said:
            source.put_back(point, about, "abc123", home.said.append)
    assert said.value.code == "data-timeout"
    assert_as_changed(home)


def test_killed_half_way_the_live_database_is_as_it_was(home: Kept, mode: str, tmp_path: Path) -> None:
    made = home.take(SQLITE)
    changed(home)
    argv = [sys.executable, "-c", STOPS, str(tmp_path), str(ROOT), made["point"]]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT) as restoring:
        assert restoring.stdout is not None
        assert restoring.stdout.readline() == "half\n"
        os.kill(restoring.pid, signal.SIGKILL)
    assert_as_changed(home)
    home.put_back(SQLITE, made["point"])
    with closing(live(home)) as database:
        assert database.execute("SELECT count(*) FROM pairs WHERE left_one = -1").fetchone() == (0,)


def test_done_again_what_was_written_since_stays(home: Kept) -> None:
    made = home.take(SQLITE)
    first = home.put_back(SQLITE, made["point"])
    changed(home)
    assert home.put_back(SQLITE, made["point"])["kept"] == first["kept"]
    assert_as_changed(home)


def test_rows_that_cannot_be_counted_behind_it_are_no_failure(home: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(self: sqlite.Sqlite) -> dict[str, object]:
        raise AgentError("point-damaged", "it cannot be read: database is locked")

    made = home.take(SQLITE)
    changed(home)
    monkeypatch.setattr(sqlite.Sqlite, "counts", busy)
    home.put_back(SQLITE, made["point"])
    assert home.said[-1] == "it cannot be read: database is locked"
    with closing(live(home)) as database:
        assert database.execute("SELECT count(*) FROM pairs WHERE left_one = -1").fetchone() == (0,)
