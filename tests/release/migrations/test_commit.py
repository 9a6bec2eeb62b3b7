"""What of a commit's migrations a database lacks: their order and phases, and what squashed, contract and new tables change in it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shipway.model.errors import Refused, WrongInput
from shipway.model.intent import Migrations
from shipway.model.migration import Pending, Schema
from shipway.release.migrations.commit import pending, read_commit, wanted

SQL = Migrations("sql", "main", path="migrations")


def lacking(
    files: dict[str, str],
    applied: Sequence[str] = (),
    *,
    overdue: Sequence[str] | None = (),
    held: bool = False,
    declared: Migrations = SQL,
) -> Pending:
    contents = {path: text.encode() for path, text in files.items() if path in wanted(declared, files)}
    schema = Schema(applied=tuple(applied))
    return pending(read_commit(declared, contents), schema, held=held, overdue=overdue, locks=True)


def sql(**texts: str) -> dict[str, str]:
    return {f"migrations/{name.removeprefix('m')}.sql": text for name, text in texts.items()}


def test_they_come_by_their_numbers_and_what_is_applied_is_left_out() -> None:
    found = lacking(sql(m10_b="SELECT 1", m9_a="SELECT 1", m2_z="SELECT 1") | {"migrations/9_a.down.sql": ""}, ["2_z", "1_gone"])
    assert [one.name for one in found.migrations] == ["9_a", "10_b"]
    assert [one.irreversible for one in found.migrations] == [(), ("there is no 10_b.down.sql",)]
    assert found.strangers == ("1_gone",) and found.complete


def test_only_their_own_directory_is_read() -> None:
    there = ["migrations/0001_a.sql", "migrations/old/0001_b.sql", "other/0001_c.sql", "migrations/notes.sql", "server/db/0001_d.sql"]
    assert wanted(SQL, there) == ["migrations/0001_a.sql"]
    assert wanted(Migrations("sql", "main", path="db", directory="server"), there) == ["server/db/0001_d.sql"]


def test_a_comment_gives_the_phase_and_config_has_the_others_held() -> None:
    files = sql(m1_a="SELECT 1", m2_b="-- shipway: held\nSELECT 1", m3_c="  --  shipway: contract \nALTER TABLE t DROP COLUMN c")
    assert [one.phase for one in lacking(files).migrations] == ["expand", "held", "contract"]
    assert [one.phase for one in lacking(files, held=True).migrations] == ["held", "held", "contract"]
    assert lacking(files).migrations[2].breaking == (), "the release that serves is gone when it runs"


@pytest.mark.parametrize("file", ["1_a", "1_a.down"])
def test_a_comment_that_asks_for_nothing_known_is_refused_before_anything_is_touched(file: str) -> None:
    files = {"migrations/1_a.sql": "SELECT 1", f"migrations/{file}.sql": "SELECT 1;\nSELECT 2; -- shipway: contracts"}
    with pytest.raises(WrongInput) as raised:
        lacking(files)
    assert f"migrations/{file}.sql, line 2" in raised.value.message and "`shipway: contracts` says nothing" in raised.value.message


def test_a_remark_behind_a_comment_changes_nothing() -> None:
    text = "ALTER TABLE t DROP COLUMN c; -- Shipway: Contract (nobody reads c)"
    assert lacking(sql(m1_a=text)).migrations[0].phase == "contract"


def revisions(*marks: str) -> dict[str, str]:
    """Revisions of Alembic, each behind the one before it."""
    files = {}
    for number, mark in enumerate(marks, 1):
        down = f"'{number - 1}'" if number > 1 else "None"
        files[f"versions/{number}.py"] = f"# {mark}\nrevision = '{number}'\ndown_revision = {down}\ndef upgrade():\n    pass\n"
    return files


def test_what_depends_on_a_contract_migration_must_be_one() -> None:
    alembic, files = Migrations("alembic", "main"), revisions("shipway: contract", "")
    with pytest.raises(Refused) as raised:
        lacking(files, declared=alembic)
    assert raised.value.code == "migration-order" and "2 depends on 1" in raised.value.message
    assert [one.phase for one in lacking(files, ["1"], declared=alembic).migrations] == ["expand"], "it is applied: nobody waits for it"
    assert [one.phase for one in lacking(revisions("shipway: held", ""), declared=alembic).migrations] == ["held", "held"]


@pytest.mark.parametrize("overdue", [["1"], None], ids=["the release that serves has it too", "nothing serves"])
def test_a_contract_migration_that_nobody_waits_for_is_as_the_others(overdue: list[str] | None) -> None:
    found = lacking(revisions("shipway: contract", ""), overdue=overdue, declared=Migrations("alembic", "main"))
    assert [one.phase for one in found.migrations] == ["expand", "expand"]


def test_where_nothing_serves_nobody_waits() -> None:
    assert [one.phase for one in lacking(sql(m1_a="-- shipway: held\nSELECT 1"), overdue=None, held=True).migrations] == ["expand"]


def test_nobody_misses_or_waits_for_what_the_pending_ones_make() -> None:
    later = "ALTER TABLE notes ADD COLUMN a text NOT NULL; CREATE INDEX ON notes (a); ALTER TABLE notes DROP COLUMN b"
    files = sql(m1_a="CREATE TABLE notes (b text)", m2_b=later)
    one = lacking(files).migrations[1]
    assert (one.breaking, one.destructive, one.locks, one.tables) == ((), (), (), ("notes",))
    one = lacking(files, ["1_a"]).migrations[0]
    assert len(one.breaking) == 2 and one.destructive == ("drops notes.b",)


NEW = "ALTER TABLE notes ADD COLUMN a int"
MANDATORY = "ALTER TABLE notes ALTER COLUMN a SET NOT NULL"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([f"{NEW}; UPDATE notes SET a = 1; {MANDATORY}"], "makes notes.a NOT NULL"),
        ([NEW, "UPDATE notes SET a = 1", MANDATORY], "makes notes.a NOT NULL"),
        ([f"{NEW} NOT NULL DEFAULT 0", "ALTER TABLE notes ALTER COLUMN a DROP DEFAULT"], "takes the default of notes.a away"),
        ([f"{NEW}, ALTER a SET DEFAULT 1, ALTER a SET NOT NULL, ALTER a DROP DEFAULT"], "takes the default of notes.a away"),
        ([NEW, "ALTER TABLE notes ALTER a SET DEFAULT 1", MANDATORY], ""),
        ([f"{NEW} DEFAULT 0", "ALTER TABLE notes ALTER a DROP DEFAULT"], ""),
        ([NEW, "ALTER TABLE notes ALTER a TYPE text", "ALTER TABLE notes DROP COLUMN a"], ""),
        (["CREATE TABLE notes (b text)", NEW, MANDATORY], ""),
    ],
)
def test_a_new_column_must_let_the_release_that_serves_insert_without_it(files: list[str], words: str) -> None:
    found = lacking(sql(**{f"m{number}_x": text for number, text in enumerate(files, 1)})).migrations
    breaking = [one for migration in found for one in migration.breaking]
    assert (len(breaking) == 1 and breaking[0].startswith(words)) if words else breaking == [], breaking
    assert all(one.destructive == () for one in found)


def test_a_statement_that_refuses_a_transaction_must_say_so() -> None:
    with pytest.raises(WrongInput) as raised:
        lacking(sql(m1_a="SELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (a)"))
    assert "migrations/1_a.sql, line 2" in raised.value.message and "-- shipway: no transaction" in raised.value.message
    assert not lacking(sql(m1_a="-- shipway: no transaction\nCREATE INDEX CONCURRENTLY i ON t (a)")).migrations[0].atomic


def test_what_else_an_update_overwrites_is_told_beside_a_new_column() -> None:
    (found,) = lacking(sql(m1_a=f"{NEW}; UPDATE notes SET a = 1, b = 2")).migrations
    assert found.destructive == ("overwrites every row of notes",)
    (found,) = lacking(sql(m1_a=f"{NEW}; UPDATE notes SET a = (SELECT b FROM c WHERE d)")).migrations
    assert found.destructive == ()


def test_what_a_block_makes_may_have_been_there() -> None:
    (found,) = lacking(sql(m1_a="DO $$ BEGIN IF a THEN CREATE TABLE notes (b int); END IF; END $$; DROP TABLE notes")).migrations
    assert found.destructive == ("drops notes",)


def test_what_is_made_under_a_name_that_is_not_known_hides_nothing() -> None:
    files = revisions("shipway: held")
    files["versions/1.py"] = files["versions/1.py"].replace("pass", "op.execute(f'CREATE TABLE {a}')\n    op.execute(f'DROP TABLE {b}')")
    (found,) = lacking(files, declared=Migrations("alembic", "main")).migrations
    assert found.destructive == ("drops unknown",)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("SELECT 1;\ncommit;\nDROP TABLE t;", "COMMIT"),
        ("SELECT 1;\nBEGIN;\nDROP TABLE t;\nCOMMIT;", "BEGIN"),
        ("SELECT 1;\nSTART TRANSACTION;", "START"),
        ("SELECT 1;\nEND;", "END"),
        ("SELECT 1;\nROLLBACK;", "ROLLBACK"),
    ],
)
@pytest.mark.parametrize("file", ["1_a", "1_a.down"])
def test_a_file_that_would_end_its_transaction_is_named(text: str, word: str, file: str) -> None:
    with pytest.raises(WrongInput) as raised:
        lacking({"migrations/1_a.sql": "SELECT 1", f"migrations/{file}.sql": text})
    assert f"migrations/{file}.sql, line 2" in raised.value.message and f"and has {word} of its own" in raised.value.message
    lacking({"migrations/1_a.sql": "SELECT 1", f"migrations/{file}.sql": f"-- shipway: no transaction\n{text}"})


@pytest.mark.parametrize(
    "text",
    [
        "SAVEPOINT a; ROLLBACK TO SAVEPOINT a; RELEASE a",
        "DO $$ BEGIN NULL; END $$",
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT 2",
    ],
)
def test_what_only_looks_like_the_end_of_a_transaction_is_left_alone(text: str) -> None:
    assert lacking(sql(m1_a=text)).migrations[0].atomic


def test_a_file_that_is_no_text_is_named() -> None:
    with pytest.raises(WrongInput) as raised:
        read_commit(SQL, {"migrations/0001_a.sql": b"SELECT 1;\n\xff"})
    assert "migrations/0001_a.sql, line 2" in raised.value.message


def test_commands_are_known_to_their_host_alone() -> None:
    declared = Migrations("commands", "main", show="bin/show", run="bin/run")
    found = lacking({"bin/show": "#!/bin/sh"}, declared=declared)
    assert found.migrations == () and not found.complete
