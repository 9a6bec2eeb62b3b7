"""Alembic's revisions on real databases: each applied or taken back by `alembic` itself, one at a time, branches and merges among them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from shipway_agent.data.migrations import run
from shipway_agent.errors import AgentError
from tests.agent.data.kept import Kept
from tests.agent.data.shop import ENV, Case, revision, tables
from tests.apps import lacking
from tests.databases import Server, postgres_is_there

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(postgres_is_there() or lacking()), reason=str(postgres_is_there() or lacking()))]

ITEMS = revision("a1", None, 'op.create_table("items", sa.Column("id", sa.Integer, primary_key=True))', 'op.drop_table("items")')
NOTE = revision("b2", "a1", 'op.add_column("items", sa.Column("note", sa.Text))', 'op.drop_column("items", "note")')
LEFT = revision("c3", "b2", 'op.create_table("lefts", sa.Column("id", sa.Integer))', 'op.drop_table("lefts")')
RIGHT = revision("d4", "b2", 'op.create_table("rights", sa.Column("id", sa.Integer))', 'op.drop_table("rights")')
MERGE = revision("e5", ("c3", "d4"), "pass")
BRANCH = revision("f6", None, 'op.create_table("others", sa.Column("id", sa.Integer))', 'op.drop_table("others")', needs="b2")
ALL = (ITEMS, NOTE, LEFT, RIGHT, MERGE, BRANCH)

HEADS = "SELECT version_num FROM alembic_version ORDER BY version_num"


@pytest.fixture(params=["postgres", "sqlite"])
def case(home: Kept, server: Server, database: str, request: pytest.FixtureRequest) -> Case:
    return Case(home, server, request.param, database, "frameworks")


@pytest.fixture
def postgres(home: Kept, server: Server, database: str) -> Case:
    return Case(home, server, "postgres", database, "frameworks")


def alembic(case: Case, number: int, *words: str) -> None:
    """By hand."""
    case.hand(number, [f"{case.python.parent}/alembic", *words])


def test_they_end_as_if_somebody_had_typed_upgrade_heads(case: Case) -> None:
    case.alembic(1, tables(*ALL))
    looked = [name for name, _ in case.app.look(1)]
    assert looked == ["a1", "b2", "c3", "d4", "e5", "f6"]

    assert case.app.run(1) == looked

    plain = case.another("plain")
    alembic(plain, 1, "upgrade", "heads")
    assert case.schema() == plain.schema()
    assert case.sql(HEADS) == plain.sql(HEADS) == ["e5", "f6"]
    assert case.app.look(1) == []
    assert case.app.applied(1) == looked


def test_what_was_applied_by_hand_is_not_pending(case: Case) -> None:
    case.alembic(1, tables(*ALL))
    alembic(case, 1, "upgrade", "c3")
    assert [name for name, _ in case.app.look(1)] == ["d4", "e5", "f6"]
    assert case.app.applied(1) == ["a1", "b2", "c3"]


def test_they_are_taken_back_exactly_as_asked_for_over_merges_and_branches(case: Case) -> None:
    case.alembic(1, tables(*ALL))
    case.app.run(1)

    with pytest.raises(AgentError, match="c3 was not begun: e5 stands on c3, and is applied"):
        case.app.reverse(1, "c3")
    assert case.app.reverse(1, "e5", "c3") == ["e5", "c3"]
    assert case.sql(HEADS) == ["d4", "f6"]
    assert case.app.reverse(1, "f6", "d4", "b2", "a1") == ["f6", "d4", "b2", "a1"]

    assert case.app.applied(1) == []
    assert case.sql(HEADS) == []


def test_one_that_fails_changes_nothing_where_its_transaction_is_whole(postgres: Case) -> None:
    broken = revision("c3", "b2", 'op.create_table("lefts", sa.Column("id", sa.Integer)); op.execute("nonsense")')
    postgres.alembic(1, tables(ITEMS, NOTE, broken))
    with pytest.raises(AgentError) as refused:
        postgres.app.run(1)
    assert refused.value.message.startswith("c3 failed, and changed nothing: alembic upgrade said no")
    assert any("nonsense" in line for line in refused.value.lines)
    assert postgres.app.look(1) == [("c3", "expand")]
    assert postgres.sql("SELECT to_regclass('lefts') IS NULL") == ["t"]


def test_where_it_is_not_one_that_fails_half_way_is_left_to_a_person(case: Case) -> None:
    """SQLite's driver ends the transaction before a table is changed; elsewhere a revision or its env.py can ask for that."""
    half = revision("c3", "b2", 'op.create_table("lefts", sa.Column("id", sa.Integer)); op.execute("nonsense")')
    more = (
        {}
        if case.kind == "sqlite"
        else {"db/env.py": ENV.replace("create_engine(url", 'create_engine(isolation_level="AUTOCOMMIT", url=url')}
    )
    case.alembic(1, tables(ITEMS, NOTE, half, **more))
    with pytest.raises(AgentError, match="what it did before that stays"):
        case.app.run(1)
    with pytest.raises(AgentError) as refused:
        case.app.look(1)
    assert refused.value.code == "migrations-open"

    run.settle(case.app.context(), 1, "c3", "done")

    assert case.sql(HEADS) == ["c3"]
    assert case.app.look(1) == []


def test_a_revision_that_commits_by_itself_is_in_no_transaction(postgres: Case) -> None:
    by_itself = revision(
        "b2", "a1", "with op.get_context().autocommit_block():\n        op.execute('CREATE INDEX CONCURRENTLY i ON items (id)')"
    )
    postgres.alembic(1, tables(ITEMS, by_itself))
    found = {one["name"]: one["atomic"] for one in run.look(postgres.app.context(), 1, postgres.home.said.append)["pending"]}
    assert found == {"a1": True, "b2": False}
    assert postgres.app.run(1) == ["a1", "b2"]


def test_what_its_files_say_is_told_and_nothing_of_them_is_run(case: Case) -> None:
    gone = revision(
        "c3",
        "b2",
        'op.drop_column("items", "note")\n    with op.batch_alter_table("items") as batch:\n        batch.drop_column("id")',
        "raise NotImplementedError",
        said="# shipway: contract",
    )
    case.alembic(1, tables(ITEMS, NOTE))
    case.app.run(1)
    case.app.serve(1)
    case.alembic(2, tables(ITEMS, NOTE, gone))
    (told,) = run.look(case.app.context(), 2, case.home.said.append)["pending"]
    assert (told["name"], told["phase"]) == ("c3", "contract")
    assert told["irreversible"] == ["its downgrade raises"]
    assert case.started() == 2, "once for each that ran, and not to look"


def test_a_release_from_before_knows_what_a_later_one_has_applied(case: Case) -> None:
    case.alembic(1, tables(ITEMS, NOTE))
    case.alembic(2, tables(ITEMS, NOTE, LEFT))
    case.app.run(2)
    found = run.look(case.app.context(), 1, case.home.said.append)
    assert (found["pending"], found["strangers"]) == ([], ["c3"])
    assert case.app.applied(1) == ["a1", "b2", "c3"]


def test_a_revision_that_no_release_here_has_is_no_reason_to_guess(case: Case) -> None:
    case.alembic(1, tables(ITEMS, NOTE))
    case.app.run(1)
    case.sql("UPDATE alembic_version SET version_num = '99'")
    with pytest.raises(AgentError) as refused:
        case.app.look(1)
    assert refused.value.code == "migrations-unknown"


def test_its_files_are_where_alembic_ini_says_and_its_heads_where_env_py_says(postgres: Case) -> None:
    ini = "[alembic]\nscript_location = db\nversion_locations = db/versions, more/versions\n"
    env = ENV.replace("connection=connection", 'connection=connection, version_table="versions"')
    elsewhere = {"more/versions/f6_.py": BRANCH[1], "etc/a.ini": ini, "alembic.ini": "", "db/env.py": env}
    files = {**tables(ITEMS, NOTE), **elsewhere}
    postgres.app.generation(1, files, adapter="alembic", path="", run=f"{postgres.python.parent}/alembic -c etc/a.ini")
    assert postgres.app.run(1) == ["a1", "b2", "f6"]
    assert postgres.sql("SELECT version_num FROM versions") == ["f6"]
    assert postgres.app.look(1) == []


SLOW = revision(
    "b2", "a1", "op.execute(\"INSERT INTO items VALUES (1)\"); op.execute('SELECT pg_sleep(1)')", 'op.execute("DELETE FROM items")'
)


@pytest.mark.parametrize("dies", ["agent", "migration"])
def test_whoever_is_killed_each_is_applied_once(postgres: Case, dies: str) -> None:
    postgres.alembic(1, tables(ITEMS, SLOW))
    runner = postgres.app.run_apart()
    asleep = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"
    until = time.monotonic() + 60
    while not postgres.sql(asleep):
        assert time.monotonic() < until and runner.poll() is None
        time.sleep(0.01)
    os.kill(runner.pid if dies == "agent" else child_of(runner.pid), signal.SIGKILL)
    assert runner.wait() != 0

    assert postgres.app.run_again() in ([], ["b2"])

    assert postgres.sql("SELECT id FROM items") == ["1"]
    assert postgres.app.look(1) == []


def child_of(pid: int) -> int:
    """The process of `alembic` that a runner waits for."""
    children = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return next(child for child in children if b"alembic" in Path(f"/proc/{child}/cmdline").read_bytes())
