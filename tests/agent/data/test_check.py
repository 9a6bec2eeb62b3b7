"""What doctor asks of data: what would stop a restore point or a restore is known before somebody needs one."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway_agent.data import programs
from shipway_agent.data.check import check
from tests.agent.data.generation import generation
from tests.agent.data.kept import Kept
from tests.databases import Server, postgres_is_there

needs_postgres = pytest.mark.skipif(postgres_is_there() is not None, reason=str(postgres_is_there()))


@pytest.fixture(scope="module")
def server(server: Server) -> Server:
    server.sql("postgres", "CREATE ROLE ann LOGIN")
    server.database("shop", "CREATE TABLE items (id int)", owner="ann")
    return server


def checked(home: Kept, url: str, **more: str) -> tuple[str, str, str]:
    """Code and sentence of the refusal, and why nothing can be restored."""
    row = {"url": "DATABASE_URL", **({"admin_url": "ADMIN_URL"} if more else {})}
    generation(home, "postgres", row, {"DATABASE_URL": url, **more})
    found = check(home.context())["main"]
    refusal = found["refusal"] or {"code": "", "message": ""}
    return refusal["code"], refusal["message"], found["no_restore"]


@pytest.mark.slow
@needs_postgres
def test_a_database_that_is_well_and_what_may_not_be_restored(server: Server, home: Kept) -> None:
    assert checked(home, server.url("shop")) == ("", "", "")
    assert checked(home, server.url("shop", "ann")) == ("", "", "ann may not make databases, which a restore begins with")
    assert checked(home, server.url("shop", "ann"), ADMIN_URL=server.url("postgres")) == ("", "", "")


@pytest.mark.slow
@needs_postgres
def test_a_database_that_cannot_be_reached_or_is_another(server: Server, home: Kept) -> None:
    code, says, _ = checked(home, "postgres://ann@/shop?host=/nowhere")
    assert code == "database" and "/nowhere" in says
    code, says, _ = checked(home, server.url("shops"))
    assert code == "database" and 'database "shops" does not exist' in says


@pytest.mark.slow
@needs_postgres
def test_programs_that_lack_or_are_older_than_the_server(
    server: Server, home: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = programs.find
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    old.chmod(0o755)
    monkeypatch.setattr(programs, "find", lambda name, major, env: str(old) if name == "pg_dump" else real(name, major, env))
    code, says, _ = checked(home, server.url("shop"))
    assert code == "no-program" and f"{old} is of version 9, and the server of" in says and "postgresql-client-" in says
    monkeypatch.setattr(programs, "find", real)
    monkeypatch.setattr(programs, "PLACES", ())
    monkeypatch.setattr("shipway_agent.data.declared.defaults", lambda: {"PATH": str(tmp_path)})
    code, says, _ = checked(home, server.url("shop"))
    assert code == "no-program" and "there is no psql on this host" in says


def test_a_path_that_is_wrong_and_data_that_another_host_keeps(home: Kept) -> None:
    generation(home, "sqlite", {"path": "var/none.sqlite3"})
    assert check(home.context())["main"]["refusal"]["code"] == "no-database"
    generation(home, "files", {"path": "media", "host": "b"})
    assert check(home.context()) == {}
