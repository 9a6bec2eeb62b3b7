"""Copies for people who develop: nobody's values leave the host in them, and nothing of them stays there."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shipway_agent.data import beside
from shipway_agent.data.declared import Declared
from shipway_agent.data.export import export
from shipway_agent.errors import AgentError
from shipway_agent.primitives import Context
from tests.agent.data.kept import Kept, of
from tests.databases import Server, postgres_is_there

MASK = {"users.email": "'user' || id || '@example.invalid'", "public.users.phone": "null"}

TABLES = (
    "CREATE TABLE users (id serial PRIMARY KEY, email text UNIQUE NOT NULL, phone text, country text)",
    "INSERT INTO users (email, phone, country) SELECT 'canary' || n || '@shop.example', '0' || n, 'DE' FROM generate_series(1, 1000) n",
    "CREATE TABLE audit (what text)",
    "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.audit VALUES (OLD.email); RETURN NEW; END $$",
    "CREATE TRIGGER noted BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION noted()",
    "CREATE TRIGGER silent BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION noted()",
    "ALTER TABLE users DISABLE TRIGGER silent",
)


class Told:
    """What an export told, as its caller puts it together."""

    def __init__(self, home: Kept) -> None:
        self.content = b""
        self.context = Context(home.root, "", home.journal, "", 0, "", float("inf"), self._hear)

    def _hear(self, event: Any) -> None:
        if event["event"] == "bytes":
            self.content += base64.b64decode(event["data"])

    def of(self, data: Declared, point: str, mask: dict[str, str] | None) -> dict[str, Any]:
        answer = export(self.context, data, point, mask)
        assert hashlib.sha256(self.content).hexdigest() == answer["sum"]
        return answer


def workshops(home: Kept) -> list[str]:
    return [name for name in os.listdir(home.path / "data" / "main") if name.startswith(".new-")]


# --------------------------------------------------------------------- SQLite


def database(home: Kept) -> Declared:
    path = home.path / "shared" / "shop.sqlite3"
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as made:
        made.executescript(
            """
            CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, phone TEXT, country TEXT);
            CREATE TABLE audit (what TEXT);
            CREATE TRIGGER noted BEFORE UPDATE ON users BEGIN INSERT INTO audit VALUES (OLD.email); END;
            """
        )
        made.executemany("INSERT INTO users VALUES (?, ?, ?, 'DE')", [(n, f"canary{n}@shop.example", f"0{n}") for n in range(1000)])
        made.commit()
    return of("sqlite", path="shop.sqlite3")


def test_of_what_is_masked_in_sqlite_no_byte_is_left_and_nothing_else_changes(home: Kept, tmp_path: Path) -> None:
    data = database(home)
    before = (home.path / "shared/shop.sqlite3").read_bytes()
    point = home.take(data)["point"]
    told = Told(home)
    answer = told.of(data, point, {"users.email": MASK["users.email"], "main.users.phone": "null"})
    assert (answer["masked"], answer["kind"]) == (["main.users.phone", "users.email"], "a database of SQLite")
    assert b"canary" not in told.content
    (tmp_path / "dev").write_bytes(told.content)
    with closing(sqlite3.connect(tmp_path / "dev")) as there:
        assert there.execute("SELECT * FROM users WHERE id = 7").fetchall() == [(7, "user7@example.invalid", None, "DE")]
        assert there.execute("SELECT count(*) FROM users").fetchone() == (1000,)
        assert there.execute("SELECT count(*) FROM audit").fetchone() == (0,)
        assert there.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall() == [("noted",)]
    assert (home.path / "shared/shop.sqlite3").read_bytes() == before
    assert workshops(home) == []
    with pytest.raises(AgentError, match="nothing to be masked"):
        Told(home).of(data, point, {})


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        ({"users.mail": "null"}, "main.users.mail of mask is no column of the copy: what it was renamed to would leave unmasked"),
        ({"users.email": "null", "people.x": "1", "people.y": "1"}, "main.people.x, main.people.y of mask are no columns"),
        ({"users.email": "null", "main.users.email": "'x'"}, "one column is masked twice"),
        ({"users.email": "'x') --", "users.phone": "null"}, "could not be masked"),
        ({"users.email": "nothing_of_that_name(id)"}, "no such function"),
        ({"users.email": "'x'); DELETE FROM users; --"}, "could not be masked"),
    ],
)
def test_a_mask_that_does_not_fit_lets_nothing_out(mask: dict[str, str], says: str, home: Kept) -> None:
    data = database(home)
    point = home.take(data)["point"]
    told = Told(home)
    with pytest.raises(AgentError) as caught:
        told.of(data, point, mask)
    assert says in caught.value.message
    assert (caught.value.code, told.content, workshops(home)) == ("mask", b"", [])


def test_a_copy_as_it_is_and_files_as_a_tar(home: Kept, tmp_path: Path) -> None:
    data = database(home)
    told = Told(home)
    assert told.of(data, home.take(data)["point"], None)["masked"] == []
    assert told.content.count(b"canary") >= 1000
    (home.path / "shared/media").mkdir()
    (home.path / "shared/media/a").write_text("a picture")
    files = of("files", path="media")
    home.root.remove("data/main")
    told = Told(home)
    told.of(files, home.take(files)["point"], None)
    (tmp_path / "dev.tar").write_bytes(told.content)
    with tarfile.open(tmp_path / "dev.tar") as archive:
        assert "tree/a" in archive.getnames()


# ----------------------------------------------------------------- PostgreSQL

needs_postgres = pytest.mark.skipif(postgres_is_there() is not None, reason=str(postgres_is_there()))


@pytest.fixture(scope="module")
def server(server: Server) -> Server:
    server.database("shop", *TABLES)
    return server


def shop(server: Server) -> Declared:
    return of("postgres", url=server.url("shop"))


@pytest.mark.slow
@needs_postgres
def test_of_what_is_masked_in_postgres_nothing_comes_back_from_the_dump(server: Server, home: Kept, tmp_path: Path) -> None:
    data = shop(server)
    point = home.take(data)["point"]
    rows = "SELECT md5(string_agg(u::text, '|' ORDER BY id)) FROM users u"
    before = server.sql("shop", rows)
    told = Told(home)
    answer = told.of(data, point, MASK)
    assert (answer["masked"], answer["kind"]) == (["public.users.phone", "users.email"], "a dump of PostgreSQL")
    (tmp_path / "dev.dump").write_bytes(told.content)
    assert (
        "canary" not in subprocess.run(["pg_restore", "-f", "-", tmp_path / "dev.dump"], capture_output=True, text=True, check=True).stdout
    )
    server.database("dev")
    subprocess.run(
        ["pg_restore", "-h", server.place, "-U", "postgres", "--exit-on-error", "-d", "dev", tmp_path / "dev.dump"],
        check=True,
    )
    assert server.sql("dev", "SELECT email, phone, country FROM users WHERE id = 7") == ["user7@example.invalid||DE"]
    assert server.sql("dev", "SELECT count(*) FROM users WHERE email LIKE 'user%'") == ["1000"]
    assert server.sql("dev", "SELECT count(*) FROM audit") == ["0"]
    how = "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname"
    assert server.sql("dev", how) == server.sql("shop", how) == ["noted|O", "silent|D"]
    assert (server.sql("shop", rows), server.sql("shop", "SELECT count(*) FROM audit")) == (before, ["0"])
    server.sql("postgres", "DROP DATABASE dev")
    assert server.databases() == {"postgres", "shop"}
    assert workshops(home) == []


@pytest.mark.slow
@needs_postgres
@pytest.mark.parametrize(
    ("mask", "code"),
    [
        ({"users.mail": "null"}, "mask"),
        ({"users.email": "null"}, "database"),
        ({"users.email": "'same'"}, "database"),
        ({"users.email": "id", "users.phone": "1); DROP TABLE audit; --"}, "database"),
    ],
)
def test_a_mask_that_postgres_refuses_lets_nothing_out_and_leaves_no_database(
    mask: dict[str, str], code: str, server: Server, home: Kept
) -> None:
    data = shop(server)
    point = home.take(data)["point"]
    told = Told(home)
    with pytest.raises(AgentError) as caught:
        told.of(data, point, mask)
    assert (caught.value.code, told.content) == (code, b"")
    assert server.databases() == {"postgres", "shop"}


@pytest.mark.slow
@needs_postgres
def test_what_a_killed_agent_left_beside_the_live_database_goes_with_the_next_point(server: Server, home: Kept, tmp_path: Path) -> None:
    """It dies while a restore is compared; nobody else's database is touched, and none while somebody is at it."""
    data = shop(server)
    point = home.take(data)["point"]
    others = {"shop_verify_zz", "shop_verify_123456_mine", "other_verify_123456"}
    for name in others:
        server.sql("postgres", f'CREATE DATABASE "{name}"')
    program = f"""
import os, signal
from pathlib import Path
from tests.agent.data.kept import Kept
from tests.agent.data.test_export import of
from shipway_agent.data import beside
from shipway_agent.data.postgres import Postgres
from shipway_agent.journal import Journal
from shipway_agent.root import Root
with Root({home.root.path!r}) as root, Journal(root) as journal:
    home = Kept(root, journal)
    data = of("postgres", url={data.url!r})
    database = Postgres(data, home.work())
    with beside.name_beside(root, data, database, beside.VERIFY) as name:
        with database.maintenance() as session:
            session.do(f'CREATE DATABASE "{{name}}";')
        print(name, flush=True)
        signal.pause()
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    left = child.stdout.readline().strip()
    assert left.startswith("shop_verify_")
    home.take(data)
    assert left in server.databases(), "somebody is at it"
    with pytest.raises(AgentError, match="is being verified or exported already"):
        Told(home).of(data, point, MASK)
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    child.stdout.close()
    home.take(data)
    assert server.databases() == {"postgres", "shop", *others}
    for name in others:
        server.sql("postgres", f'DROP DATABASE "{name}"')
    assert beside.LOCK.startswith("."), "it is listed as no point"
