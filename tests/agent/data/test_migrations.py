"""Migrations on real databases: which are pending, each applied once or taken back, and what nobody can know is left to a person."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from shipway_agent.data.migrations import notes, run
from shipway_agent.data.migrations.database import KEY
from shipway_agent.errors import AgentError
from tests.agent.data.either import Either
from tests.agent.data.kept import Kept
from tests.agent.data.migrating import Migrating
from tests.databases import Server, postgres_is_there

pytestmark = [pytest.mark.slow, pytest.mark.skipif(postgres_is_there() is not None, reason=str(postgres_is_there()))]

ITEMS = {
    "migrations/0001_items.sql": "CREATE TABLE items (id int PRIMARY KEY, name text);",
    "migrations/0001_items.down.sql": "DROP TABLE items;",
}
NOTE = {
    "migrations/0002_note.sql": "ALTER TABLE items ADD COLUMN note text;",
    "migrations/0002_note.down.sql": "ALTER TABLE items DROP COLUMN note;",
}
DROP = {"migrations/0003_drop.sql": "-- shipway: contract\nALTER TABLE items DROP COLUMN name;"}


class Case(Either):
    """An application beside its database of either kind."""

    def __init__(self, home: Kept, server: Server, kind: str, name: str) -> None:
        super().__init__(home, server, kind, name)
        self.app = Migrating(home, self.row, self.env)

    def columns(self) -> list[str]:
        """Of the table items."""
        if self.kind == "postgres":
            return self.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'items' ORDER BY ordinal_position")
        return self.sql("SELECT name FROM pragma_table_info('items') ORDER BY cid")


@pytest.fixture(params=["postgres", "sqlite"])
def case(home: Kept, server: Server, database: str, request: pytest.FixtureRequest) -> Case:
    return Case(home, server, request.param, database)


@pytest.fixture
def shop(home: Kept, server: Server, database: str) -> Case:
    return Case(home, server, "postgres", database)


def test_those_that_the_database_lacks_are_pending_and_applied_in_order(case: Case) -> None:
    app = case.app
    app.generation(1, {**NOTE, **ITEMS})
    assert app.look(1) == [("0001_items", "expand"), ("0002_note", "expand")]
    assert case.columns() == []

    assert app.run(1) == ["0001_items", "0002_note"]

    assert case.columns() == ["id", "name", "note"]
    assert app.look(1) == []
    assert app.run(1) == []
    assert app.applied(1) == ["0001_items", "0002_note"]


def test_what_a_generation_leaves_is_written_down_with_it(case: Case) -> None:
    app = case.app
    app.generation(1, ITEMS)
    app.run(1)
    app.serve(1)
    app.generation(2, {**ITEMS, **NOTE})
    app.look(2)
    assert app.left(2)["applied"] == ["0001_items"]
    app.run(2)
    assert app.left(1)["applied"] == ["0001_items"]
    assert app.left(2)["applied"] == ["0001_items", "0002_note"]


def test_one_that_fails_changes_nothing_and_those_before_it_stay(case: Case) -> None:
    app = case.app
    broken = {"migrations/0002_broken.sql": "ALTER TABLE items ADD COLUMN a text;\nALTER TABLE nothing ADD COLUMN b text;"}
    app.generation(1, {**ITEMS, **broken})

    with pytest.raises(AgentError) as refused:
        app.run(1)

    assert refused.value.code == "migration-failed"
    assert refused.value.message.startswith("0002_broken failed, and changed nothing: ")
    assert case.columns() == ["id", "name"]
    assert app.look(1) == [("0002_broken", "expand")]


def test_they_are_taken_back_in_the_order_that_is_asked_for_by_the_code_that_has_them(case: Case) -> None:
    app = case.app
    app.generation(1, {**ITEMS, **NOTE})
    app.run(1)

    assert app.reverse(1, "0002_note", "0001_items") == ["0002_note", "0001_items"]

    assert case.columns() == []
    assert app.applied(1) == []
    assert app.reverse(1, "0002_note") == []


def test_where_one_cannot_be_taken_back_none_is(case: Case) -> None:
    app = case.app
    app.generation(1, {**ITEMS, **NOTE, **DROP})
    app.run(1)

    with pytest.raises(AgentError) as refused:
        app.reverse(1, "0003_drop", "0002_note")

    assert refused.value.code == "migration-irreversible"
    assert "0003_drop (there is no 0003_drop.down.sql)" in refused.value.message
    assert case.columns() == ["id", "note"]


def test_what_was_taken_back_in_vain_is_applied_again_in_its_order(case: Case) -> None:
    app = case.app
    app.generation(1, {**ITEMS, **NOTE})
    app.run(1)
    app.reverse(1, "0002_note", "0001_items")
    said = run.again(app.context("undo:migrate:reverse"), 1, ["0002_note", "0001_items"], app.home.said.append)
    assert [name for name, _ in said["ran"]] == ["0001_items", "0002_note"]
    assert case.columns() == ["id", "name", "note"]
    assert run.again(app.context("undo:migrate:reverse"), 1, ["0002_note"], app.home.said.append)["ran"] == [], "once"


def test_while_requests_wait_nothing_is_taken_back_before_the_record_knows_the_restore_point(case: Case) -> None:
    app = case.app
    app.generation(1, {**ITEMS, **NOTE})
    app.run(1)
    with pytest.raises(AgentError) as refused:
        run.reverse(app.context("migrate:reverse"), 1, ["0002_note"], app.home.said.append, held=True)
    assert refused.value.code == "no-point"
    assert case.columns() == ["id", "name", "note"]


def test_contract_waits_for_its_own_phase(case: Case) -> None:
    app = case.app
    app.serve(app.generation(1, {}))
    app.generation(2, {**ITEMS, **DROP})
    assert app.look(2) == [("0001_items", "expand"), ("0003_drop", "contract")]
    assert app.run(2) == ["0001_items"]
    assert case.columns() == ["id", "name"]
    assert app.run(2, "contract") == ["0003_drop"]
    assert case.columns() == ["id"]


def test_where_nothing_serves_nobody_needs_what_a_contract_migration_takes_away(case: Case) -> None:
    app = case.app
    app.generation(1, {**ITEMS, **DROP})
    assert app.look(1) == [("0001_items", "expand"), ("0003_drop", "expand")]
    assert app.run(1) == ["0001_items", "0003_drop"]


def test_a_contract_that_the_release_that_serves_has_too_goes_first(case: Case) -> None:
    app = case.app
    app.serve(app.generation(0, {}))
    app.generation(1, {**ITEMS, **DROP})
    app.run(1)
    app.serve(1)
    app.generation(2, {**ITEMS, **DROP, **NOTE})
    assert app.look(2) == [("0002_note", "expand"), ("0003_drop", "expand")]


def test_one_that_is_held_runs_only_where_requests_wait_for_it(case: Case) -> None:
    app = case.app
    app.serve(app.generation(1, {}))
    app.generation(2, ITEMS, held=True)

    with pytest.raises(AgentError) as refused:
        app.run(2, "held")

    assert refused.value.code == "migrations-changed"
    assert case.columns() == []
    with pytest.raises(AgentError, match="has taken no restore point of main"):
        app.run(2, "held", ["0001_items"])
    assert case.columns() == []
    step = ("", "point:main")
    app.home.journal.begin_step(*step, 0, now=0.0, decided=True)
    app.home.journal.end_step(*step, "done", {"skipped": True})  # there was nothing to be lost (tests/agent/test_hold.py has the rest)
    assert app.run(2, "held", ["0001_items"]) == ["0001_items"]


def test_where_nothing_serves_nobody_waits(case: Case) -> None:
    app = case.app
    app.generation(1, ITEMS, held=True)
    assert app.look(1) == [("0001_items", "expand")]
    assert app.run(1) == ["0001_items"]


def test_those_that_the_release_does_not_know_are_named(case: Case, home: Kept) -> None:
    app = case.app
    app.generation(1, {**ITEMS, **NOTE})
    app.run(1)
    app.generation(2, ITEMS)
    assert run.look(app.context(), 2, home.said.append)["strangers"] == ["0002_note"]


def test_a_file_that_was_changed_since_it_was_applied_is_named(case: Case, home: Kept) -> None:
    app = case.app
    app.generation(1, ITEMS)
    app.run(1)
    app.generation(2, {**ITEMS, "migrations/0001_items.sql": "CREATE TABLE items (id int);"})
    assert "0001_items: the file is another one than was applied" in run.look(app.context(), 2, home.said.append)["note"]


def test_a_comment_that_asks_for_nothing_known_is_refused_before_anything_runs(case: Case) -> None:
    app = case.app
    app.generation(1, {**ITEMS, "migrations/0002_drop.sql": "ALTER TABLE items DROP COLUMN name; -- shipway: contracts"})
    for attempt in (app.look, app.run):
        with pytest.raises(AgentError, match=r"0002_drop.sql, line 1: `shipway: contracts` says nothing") as refused:
            attempt(1)
        assert refused.value.code == "migrations-marker"
    assert case.columns() == []


def test_a_file_that_ends_its_transaction_is_refused_and_left_to_a_person(case: Case) -> None:
    app = case.app
    app.generation(1, {"migrations/0001_items.sql": "CREATE TABLE items (id int);\nCOMMIT;"})

    with pytest.raises(AgentError, match="ends the transaction"):
        app.run(1)

    with pytest.raises(AgentError) as refused:
        app.look(1)
    assert refused.value.code == "migrations-open"


@pytest.mark.parametrize(("how", "again"), [("done", []), ("again", ["0001_items"])])
def test_a_person_says_how_it_ended(case: Case, how: str, again: list[str]) -> None:
    app = case.app
    app.generation(
        1, {"migrations/0001_items.sql": "-- shipway: no transaction\nCREATE TABLE IF NOT EXISTS items (id int); SELECT nonsense;"}
    )
    with pytest.raises(AgentError, match="what it did before that stays"):
        app.run(1)
    with pytest.raises(AgentError) as refused:
        app.run(1)
    assert refused.value.code == "migrations-open"

    run.settle(app.context(), 1, "0001_items", how)

    assert [name for name, _ in app.look(1)] == again


def test_a_statement_that_is_not_closed_ends_with_its_file(shop: Case) -> None:
    app = shop.app
    app.generation(1, {"migrations/0001_items.sql": "CREATE TABLE items (id int DEFAULT 'oops);"})
    with pytest.raises(AgentError, match=r"changed nothing: .*unterminated"):
        app.run(1)


def test_a_statement_waits_for_a_lock_only_so_long(shop: Case) -> None:
    app = shop.app
    app.generation(1, {**ITEMS, **NOTE}, lock_seconds=0.2)
    app.generation(2, ITEMS)
    app.run(2)
    with session(shop) as other:
        tell(other, "BEGIN; LOCK TABLE items IN ACCESS SHARE MODE;")
        with pytest.raises(AgentError, match=r"changed nothing: .*lock timeout"):
            app.run(1)


def test_nobody_migrates_a_database_that_somebody_else_migrates(shop: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "WAIT_SECONDS", 0.3)
    app = shop.app
    app.generation(1, ITEMS)
    with session(shop) as other:
        tell(other, f"SELECT pg_advisory_lock({KEY[0]}, {KEY[1]});")
        with pytest.raises(AgentError) as refused:
            app.run(1)
    assert refused.value.code == "migrations-busy"
    assert "of postgres (by hand)" in refused.value.message
    assert app.run(1) == ["0001_items"]


def test_two_that_begin_at_once_apply_each_migration_once(shop: Case, home: Kept, tmp_path: Path) -> None:
    app = shop.app
    app.generation(
        1, {**ITEMS, "migrations/0002_row.sql": "SELECT pg_sleep(0.3); INSERT INTO items VALUES ((SELECT count(*) FROM items), 'x');"}
    )
    threads = [threading.Thread(target=app.run, args=(1,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shop.server.sql(shop.name, "SELECT count(*) FROM items") == ["1"]


def killed_within(shop: Case, sql: str) -> None:
    """Begin migrations in a process of their own, and kill it while the last statement runs."""
    shop.app.generation(1, {**ITEMS, "migrations/0002_slow.sql": sql})
    child = shop.app.run_apart()
    active = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()"
    until = time.monotonic() + 30
    while shop.server.sql(shop.name, active) == ["0"]:
        assert time.monotonic() < until and child.poll() is None
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()


def test_a_killed_runner_of_a_transaction_leaves_what_the_database_says(shop: Case) -> None:
    killed_within(shop, "INSERT INTO items VALUES (1, 'x'); SELECT pg_sleep(1);")

    left = notes.open_of(shop.app.home.root, "main")
    assert left is not None and left.migration == "0002_slow"
    assert shop.app.run_again() == ["0002_slow"]
    assert shop.server.sql(shop.name, "SELECT count(*) FROM items") == ["1"]


HALF = "-- shipway: no transaction\nINSERT INTO items VALUES (1, 'x'); SELECT pg_sleep(1);"


def test_what_a_killed_runner_had_sent_comes_to_its_end_with_its_row(shop: Case) -> None:
    killed_within(shop, HALF)
    assert shop.app.run_again() == []
    assert shop.app.applied(1) == ["0001_items", "0002_slow"]


def test_a_killed_runner_without_a_transaction_leaves_it_to_a_person(shop: Case) -> None:
    killed_within(shop, HALF.replace("(1);", "(60);"))
    shop.server.sql(shop.name, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")

    with pytest.raises(AgentError) as refused:
        shop.app.run_again()

    assert refused.value.code == "migrations-open"
    assert refused.value.facts["migration"] == "0002_slow"


def test_when_the_server_dies_the_next_one_asks_the_database(shop: Case, home: Kept) -> None:
    app = shop.app
    app.generation(1, {**ITEMS, "migrations/0002_slow.sql": "INSERT INTO items VALUES (1, 'x'); SELECT pg_sleep(2);"})
    failed: list[AgentError] = []

    def go() -> None:
        try:
            app.run(1)
        except AgentError as error:
            failed.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    active = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()"
    while shop.server.sql(shop.name, active) == ["0"]:
        time.sleep(0.02)
    shop.server.stop(9)
    thread.join()
    shop.server.start()

    assert failed[0].code == "migration-failed"
    assert app.run(1) == ["0002_slow"]
    assert shop.server.sql(shop.name, "SELECT count(*) FROM items") == ["1"]


def test_commands_of_the_release_stand_for_any_other_kind(home: Kept, tmp_path: Path) -> None:
    (home.path / "shared/var").mkdir(parents=True)
    app = Migrating(home, {"driver": "sqlite", "path": "var/db.sqlite3"}, {"LIST": str(tmp_path / "list")})
    commands = {
        "adapter": "commands",
        "show": 'touch "$LIST"; cat "$LIST"; for n in one two; do grep -qx "applied $n" "$LIST" || echo "$n"; done',
        "run": 'test "$MIGRATION" != "$BAD" && echo "applied $MIGRATION" >> "$LIST"',
        "reverse": 'grep -vx "applied $MIGRATION" "$LIST" > "$LIST.new"; mv "$LIST.new" "$LIST"',
    }
    app.generation(1, {"file": ""}, **commands)
    assert app.look(1) == [("one", "expand"), ("two", "expand")]
    assert app.run(1) == ["one", "two"]
    assert app.reverse(1, "two") == ["two"]
    assert app.applied(1) == ["one"]


class session:
    """A person's own session."""

    def __init__(self, shop: Case) -> None:
        self._argv = ["psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", str(shop.server.place), "-U", "postgres", shop.name]

    def __enter__(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "PGAPPNAME": "by hand"}
        self._child = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment)
        return self._child

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.communicate()


def tell(child: subprocess.Popen[str], sql: str) -> None:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(f"{sql}\n\\echo done\n")
    while child.stdout.readline().strip() != "done":
        pass


COMMANDS = {
    "adapter": "commands",
    "show": 'touch "$LIST"; cat "$LIST"; grep -qx "applied one" "$LIST" || echo one',
    "run": 'echo $$ > "$LIST.pid"; sleep "$SECONDS_EACH"; echo "applied $MIGRATION" >> "$LIST"',
}


def slow_command(shop: Case, home: Kept, tmp_path: Path, seconds: float) -> Path:
    """Begin a migration by a command that takes so long, in a process of its own that is killed meanwhile: the file of its pid."""
    url = shop.server.url(shop.name)
    app = Migrating(
        home,
        {"driver": "postgres", "url": "DATABASE_URL"},
        {"DATABASE_URL": url, "LIST": str(tmp_path / "list"), "SECONDS_EACH": str(seconds)},
    )
    app.generation(1, {"file": ""}, **COMMANDS)
    shop.app = app
    return tmp_path / "list.pid"


def wait_for_pid(file: Path) -> int:
    until = time.monotonic() + 30
    while not (file.exists() and file.read_text().strip()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return int(file.read_text())


def test_the_lock_lives_as_long_as_what_runs_under_it_and_not_as_the_agent(shop: Case, home: Kept, tmp_path: Path) -> None:
    pid_file = slow_command(shop, home, tmp_path, 2.0)
    child = shop.app.run_apart()
    wait_for_pid(pid_file)
    child.kill()
    child.wait()

    held = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = {KEY[0]} AND granted"
    assert shop.server.sql(shop.name, held) == ["1"]
    assert shop.app.run_again() == []
    assert (tmp_path / "list").read_text() == "applied one\n"
    assert shop.server.sql(shop.name, held) == ["0"]


def test_what_runs_ends_when_its_lock_is_lost(shop: Case, home: Kept, tmp_path: Path) -> None:
    pid_file = slow_command(shop, home, tmp_path, 30.0)
    failed: list[AgentError] = []

    def go() -> None:
        try:
            shop.app.run(1)
        except AgentError as error:
            failed.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    pid = wait_for_pid(pid_file)
    shop.server.sql(shop.name, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shipway migrations'")
    thread.join()

    assert failed[0].code == "migration-failed"
    assert "the lock in the database was lost" in failed[0].message
    assert not Path(f"/proc/{pid}").exists()


def test_what_its_statements_answer_and_which_search_path_they_leave_is_nobodys_business(shop: Case) -> None:
    dumped = "SELECT pg_catalog.set_config('search_path', '', false);\nSELECT 'as a function may say';\n"
    app = shop.app
    app.generation(1, {"migrations/0001_items.sql": f"{dumped}CREATE TABLE public.items (id int);"})
    assert app.run(1) == ["0001_items"]
    assert app.look(1) == []


def test_statements_may_stand_on_one_line(case: Case) -> None:
    app = case.app
    app.generation(1, {"migrations/0001_items.sql": "CREATE TABLE items (id int); CREATE TABLE others (name text DEFAULT ';'); -- two\n"})
    assert app.run(1) == ["0001_items"]
    assert case.columns() == ["id"]


def test_what_is_overdue_here_waits_where_another_host_needs_it(case: Case, home: Kept) -> None:
    app = case.app
    app.generation(1, {**ITEMS, **DROP})
    app.serve(app.generation(0, ITEMS))
    app.run(1)
    app.serve(1)
    app.generation(2, {**ITEMS, **DROP})
    said = [run.look(app.context(), 2, home.said.append, overdue=names)["pending"][0]["phase"] for names in (None, [], ["0003_drop"])]
    assert said == ["expand", "contract", "expand"]


def test_what_no_phase_of_its_deployment_would_run_is_refused(case: Case, home: Kept) -> None:
    app = case.app
    app.generation(1, ITEMS)
    with pytest.raises(AgentError) as refused:
        run.look(app.context(), 1, home.said.append, phases=["contract"])
    assert refused.value.code == "migrations-changed"
    assert "0001_items of main is pending, and this deployment was planned without it" in refused.value.message


def test_a_person_settles_one_that_only_the_release_before_its_switch_knows(case: Case) -> None:
    app = case.app
    app.generation(1, ITEMS)
    app.run(1)
    app.serve(1)
    app.generation(2, {**ITEMS, "migrations/0002_half.sql": "-- shipway: no transaction\nSELECT nonsense;"})
    with pytest.raises(AgentError):
        app.run(2)
    run.settle(app.context(), 1, "0002_half", "done")
    assert app.look(2) == []
