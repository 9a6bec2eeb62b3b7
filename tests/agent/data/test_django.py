"""A Django project's migrations on real databases: as `manage.py migrate` leaves them, one at a time, whoever dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

import pytest

from shipway_agent.data.migrations import notes, run
from shipway_agent.errors import AgentError
from tests.agent.data.kept import Kept
from tests.agent.data.shop import NAMED, NOTE, Case, migration, paused, shop
from tests.apps import lacking
from tests.databases import Server, postgres_is_there

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(postgres_is_there() or lacking()), reason=str(postgres_is_there() or lacking()))]

NOTED = ("0002_note", NOTE)
FILLED = ("0003_named", NAMED)
BROKEN = migration("0002_note", 'migrations.AddField("product", "a", models.TextField(default="")), migrations.RunSQL("nonsense", "")')
HALF = migration(
    "0001_initial",
    'migrations.RunSQL("CREATE TABLE half (id integer)", "DROP TABLE half"), migrations.RunPython(stop)',
    before='def stop(apps, editor):\n    raise ValueError("stopped half way")\n',
    body="atomic = False",
)


@pytest.fixture(params=["postgres", "sqlite"])
def case(home: Kept, server: Server, database: str, request: pytest.FixtureRequest) -> Case:
    return Case(home, server, request.param, database, "frameworks")


@pytest.fixture(params=["frameworks", "older"])
def both(home: Kept, server: Server, database: str, request: pytest.FixtureRequest) -> Case:
    """The newest Django that runs here, and the one before."""
    return Case(home, server, "postgres", database, request.param)


@pytest.fixture
def newest(home: Kept, server: Server, database: str) -> Case:
    return Case(home, server, "postgres", database, "frameworks")


ROWS = "SELECT app, name FROM django_migrations ORDER BY id"
TYPES = "SELECT app_label, model FROM django_content_type ORDER BY id"
PERMISSIONS = (
    "SELECT p.codename, p.name, c.model FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id ORDER BY p.id"
)


@pytest.mark.parametrize("packages", ["frameworks", "older"])
@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
def test_they_end_as_if_somebody_had_typed_migrate(home: Kept, server: Server, database: str, kind: str, packages: str) -> None:
    case = Case(home, server, kind, database, packages, MORE_APPS="django.contrib.auth")
    case.django(1, shop(NOTED, FILLED))
    looked = [name for name, _ in case.app.look(1)]

    assert case.app.run(1) == looked

    plain = case.another("plain")
    plain.manage(1, "migrate")
    assert looked == [row.replace("|", ".") for row in plain.sql(ROWS)]
    assert {"taggit.0001_initial", "contenttypes.0001_initial", "shop.0003_named"} <= set(looked)
    for question in (ROWS, TYPES, PERMISSIONS):
        assert case.sql(question) == plain.sql(question) != []
    assert case.schema() == plain.schema()
    assert case.app.look(1) == []
    assert case.app.applied(1) == looked


def test_a_project_is_started_once_to_be_looked_at_and_once_for_all_that_run(case: Case) -> None:
    case.django(1, shop(NOTED, FILLED))
    case.app.look(1)
    assert case.started() == 1
    assert len(case.app.run(1)) > 8
    assert case.started() == 2


def test_what_was_applied_by_hand_is_not_pending(newest: Case) -> None:
    newest.django(1, shop(NOTED, FILLED))
    newest.manage(1, "migrate", "shop", "0002")
    pending = [name for name, _ in newest.app.look(1)]
    assert (
        "shop.0002_note" not in pending
        and "taggit.0006_rename_taggeditem_content_type_object_id_taggit_tagg_content_8fc721_idx" in pending
        and "shop.0003_named" in pending
    )
    newest.app.run(1)
    assert newest.app.look(1) == []


def test_one_that_fails_changes_nothing_and_those_before_it_stay(case: Case) -> None:
    case.django(1, shop(NOTED, ("0003_broken", BROKEN)))

    with pytest.raises(AgentError) as refused:
        case.app.run(1)

    assert refused.value.code == "migration-failed"
    assert refused.value.message.startswith("shop.0003_broken failed, and changed nothing: ")
    assert "nonsense" in refused.value.message
    with pytest.raises(AgentError, match="failed, and changed nothing"):
        case.app.run(1)
    assert [name for name, _ in case.app.look(1) if name.startswith("shop.")] == ["shop.0003_broken"]


def test_one_without_a_transaction_that_stops_half_way_is_left_to_a_person(case: Case) -> None:
    case.django(1, shop(("0002_half", HALF)))
    with pytest.raises(AgentError, match=r"what it did before that stays, .* ValueError: stopped half way") as failed:
        case.app.run(1)
    assert any("shop/migrations/0002_half.py, line" in line for line in failed.value.lines)
    with pytest.raises(AgentError) as refused:
        case.app.look(1)
    assert refused.value.code == "migrations-open"
    assert refused.value.facts["migration"] == "shop.0002_half"

    run.settle(case.app.context(), 1, "shop.0002_half", "done")

    assert "shop.0002_half" in case.app.applied(1)
    assert "shop.0002_half" not in [name for name, _ in case.app.look(1)]


def test_what_a_migration_prints_is_told_and_what_the_settings_print_is_no_answer(case: Case, home: Kept) -> None:
    case.django(1, shop(NOTED, FILLED))
    case.app.run(1)
    assert "filled one" in home.said
    assert home.said.index("applying shop.0003_named") < home.said.index("filled one")


def test_they_are_taken_back_exactly_as_asked_for(case: Case) -> None:
    case.django(1, shop(NOTED, FILLED))
    case.manage(1, "migrate", "shop", "0001")
    before = case.schema()
    case.app.run(1)

    with pytest.raises(AgentError, match=r"shop.0003_named depends on shop.0002_note, and is applied"):
        case.app.reverse(1, "shop.0002_note")
    assert case.app.reverse(1, "shop.0003_named", "shop.0002_note") == ["shop.0003_named", "shop.0002_note"]

    assert "shop.0001_initial" in case.app.applied(1)
    assert not {"shop.0003_named", "shop.0002_note"} & set(case.app.applied(1))
    case.manage(1, "migrate", "taggit", "0005")
    assert case.schema() == before


def test_one_that_has_no_way_back_is_named_before_any_is_touched(case: Case) -> None:
    gone = migration("0002_note", 'migrations.RunSQL("DELETE FROM shop_order WHERE id < 0"), migrations.RemoveField("order", "note")')
    case.django(1, shop(NOTED, ("0003_gone", gone)))
    look = run.look(case.app.context(), 1, case.home.said.append)
    words = next(one for one in look["pending"] if one["name"] == "shop.0003_gone")
    assert words["irreversible"] == ["RunSQL without reverse_sql"]
    case.app.run(1)

    with pytest.raises(AgentError) as refused:
        case.app.reverse(1, "shop.0003_gone", "shop.0002_note")

    assert refused.value.code == "migration-irreversible"
    assert "shop.0003_gone (RunSQL without reverse_sql)" in refused.value.message
    assert "shop.0003_gone" in case.app.applied(1)


def test_what_is_lost_and_locked_is_told_of_tables_that_are_there(both: Case) -> None:
    both.django(1, shop(NOTED))
    first = {one["name"]: one for one in run.look(both.app.context(), 1, both.home.said.append)["pending"]}
    assert first["shop.0001_initial"]["tables"] == ["shop_product", "shop_order"]
    assert first["shop.0002_note"]["locks"] == first["shop.0002_note"]["destructive"] == []
    both.app.run(1)
    both.app.serve(1)
    change = migration(
        "0002_note",
        """
        migrations.AddIndex("order", models.Index(fields=["note"], name="by_note")),
        migrations.AlterField("product", "name", models.CharField(max_length=20)),
        migrations.RemoveField("order", "product"),
        migrations.RunSQL("TRUNCATE TABLE shop_product; ALTER TABLE shop_order DROP COLUMN IF EXISTS note", ""),
        migrations.DeleteModel("Product"),
        """,
        before="# shipway: contract",
    )
    both.django(2, shop(NOTED, ("0003_less", change)))
    less = run.look(both.app.context(), 2, both.home.said.append)["pending"][0]
    assert (less["name"], less["phase"], less["atomic"]) == ("shop.0003_less", "contract", True)
    assert less["destructive"] == ["drops shop_order.product_id", "empties shop_product", "drops note", "drops shop_product"]
    assert less["tables"] == ["shop_order", "shop_product"]
    assert less["locks"] == [
        "shop_order against writes while an index is built",
        "shop_product against reads and writes while it is rewritten",
        "shop_order against reads and writes for a moment",
        "shop_product against reads and writes for a moment",
    ]


def test_what_a_squashed_one_stands_for_is_not_applied_again_and_comes_back_apart(both: Case) -> None:
    both.django(1, shop(NOTED))
    both.app.run(1)
    both.django(2, shop(NOTED, FILLED))
    both.app.run(2)
    body = 'replaces = [("shop", "0002_note"), ("shop", "0003_named")]'
    column = 'migrations.AddField("order", "note", models.TextField(default=""))'
    squashed = ("0002_squashed_0003", migration("0001_initial", f"{column}, migrations.RunPython(print)", body=body))
    both.django(3, shop(NOTED, FILLED, squashed))
    assert both.app.look(3) == [("shop.0002_squashed_0003", "expand")]
    assert both.app.run(3) == ["shop.0002_squashed_0003"]
    assert both.app.look(3) == []
    assert run.look(both.app.context(), 3, both.home.said.append)["strangers"] == []

    assert both.app.reverse(3, "shop.0002_squashed_0003", "shop.0003_named") == ["shop.0002_squashed_0003", "shop.0003_named"]

    assert [name for name in both.app.applied(3) if name.startswith("shop.")] == ["shop.0001_initial", "shop.0002_note"]
    assert both.sql("SELECT note FROM shop_order") == []


def test_a_squashed_one_on_an_empty_database_is_applied_by_itself_and_taken_back_whole(both: Case) -> None:
    body = 'replaces = [("shop", "0002_note"), ("shop", "0003_named")]'
    column = 'migrations.AddField("order", "note", models.TextField(default=""))'
    squashed = ("0002_squashed_0003", migration("0001_initial", column, body=body))
    both.django(1, shop(NOTED, FILLED, squashed))
    both.manage(1, "migrate", "shop", "0001")
    there = both.app.applied(1)
    assert "shop.0002_squashed_0003" in both.app.run(1)
    new = [name for name in both.app.applied(1) if name not in there and name.startswith("shop.")]
    assert new == ["shop.0002_note", "shop.0003_named", "shop.0002_squashed_0003"]

    both.app.reverse(1, *reversed(new))

    assert [name for name in both.app.applied(1) if name.startswith("shop.")] == ["shop.0001_initial"]


def test_what_hangs_on_the_end_of_migrations_is_made_up_for_by_the_next_run(newest: Case) -> None:
    newest.django(1, shop(NOTED))
    newest.stop_at("behind", "all")
    runner = newest.app.run_apart()
    for process in (runner.pid, newest.reached()):
        os.kill(process, signal.SIGKILL)
    runner.wait()
    newest.go_on()
    assert newest.sql(TYPES) == []
    assert newest.app.run_again() == []
    assert "shop|order" in newest.sql(TYPES)


def test_a_database_of_another_alias_is_found_and_one_that_is_not_there_is_named(home: Kept, server: Server) -> None:
    case = Case(home, server, "postgres", "alias_shop", "frameworks", ALIAS="orders")
    case.django(1, shop(NOTED))
    case.app.run(1)
    assert "shop|0002_note" in case.sql(ROWS)
    case.app.env["DATABASE_URL"] = server.database("elsewhere")
    del case.app.env["ALIAS"]
    case.app.data = {**case.app.data, "url": "OTHER_URL"}
    case.app.env["OTHER_URL"] = server.database("other")
    case.django(2, shop(NOTED))
    with pytest.raises(AgentError, match=r"none of the databases in Django's settings is other, which .* default is elsewhere"):
        case.app.look(2)


def test_two_runs_at_once_apply_each_once(newest: Case) -> None:
    newest.django(1, shop(paused("0002_a", "0001_initial"), paused("0003_b", "0002_a")))
    threads = [threading.Thread(target=newest.app.run, args=(1,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert newest.sql("SELECT name FROM shop_product ORDER BY id") == ["0002_a", "0003_b"]


@pytest.mark.parametrize("first", ["shipway", "hand"])
def test_somebody_who_types_migrate_meanwhile_applies_nothing_twice(newest: Case, first: str) -> None:
    newest.django(1, shop(paused("0002_a", "0001_initial"), paused("0003_b", "0002_a")))
    newest.manage(1, "migrate", "shop", "0001")
    newest.stop_at("within", "0002_a")
    hand = threading.Thread(target=migrate_by_hand, args=(newest,))
    ours = threading.Thread(target=newest.app.run, args=(1,))
    one, other = (ours, hand) if first == "shipway" else (hand, ours)
    one.start()
    newest.reached()
    other.start()
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while newest.sql(waits) == ["0"]:
        time.sleep(0.01)
    newest.go_on()
    one.join()
    other.join()
    newest.app.run(1)
    assert newest.sql("SELECT name FROM shop_product ORDER BY id") == ["0002_a", "0003_b"]
    assert newest.app.look(1) == []


@pytest.mark.parametrize("dies", ["agent", "migration"])
@pytest.mark.parametrize("where", ["before", "within", "after"])
@pytest.mark.parametrize("name", ["0002_a", "0003_b", "0004_c"])
def test_whoever_is_killed_each_is_applied_once(home: Kept, server: Server, database: str, name: str, where: str, dies: str) -> None:
    case = Case(home, server, "postgres", database, "frameworks")
    case.django(1, shop(paused("0002_a", "0001_initial"), paused("0003_b", "0002_a"), paused("0004_c", "0003_b")))
    case.manage(1, "migrate", "shop", "0001")
    case.stop_at(where, name)
    runner = case.app.run_apart()
    project = case.reached()
    os.kill(runner.pid if dies == "agent" else project, signal.SIGKILL)
    case.go_on()
    assert (runner.wait() != 0) == (dies == "agent" or where != "after")

    case.app.run_again()

    assert case.sql("SELECT name FROM shop_product ORDER BY id") == ["0002_a", "0003_b", "0004_c"]
    assert case.sql('SELECT "0002_a", "0003_b", "0004_c" FROM shop_order') == []
    assert case.sql("SELECT name FROM django_migrations WHERE app = 'shop' ORDER BY id") == ["0001_initial", "0002_a", "0003_b", "0004_c"]
    assert notes.open_of(home.root, "main") is None
    assert case.app.look(1) == []


def test_one_without_a_transaction_whose_agent_was_killed_is_done_where_the_database_says_so(newest: Case) -> None:
    newest.django(1, shop(paused("0002_a", "0001_initial", body="atomic = False")))
    newest.stop_at("within", "0002_a")
    runner = newest.app.run_apart()
    newest.reached()
    runner.kill()
    runner.wait()
    left = notes.open_of(newest.home.root, "main")
    assert left is not None and (left.migration, left.atomic) == ("shop.0002_a", False)
    with pytest.raises(AgentError) as refused:
        newest.app.look(1)
    assert refused.value.code == "migrations-busy"
    newest.go_on()
    assert newest.app.run_again() is not None
    assert newest.sql("SELECT name FROM shop_product ORDER BY id") == ["0002_a"]


def test_what_loses_its_lock_is_ended_and_changes_nothing(newest: Case) -> None:
    newest.django(1, shop(paused("0002_a", "0001_initial")))
    newest.stop_at("within", "0002_a")
    said: list[AgentError] = []
    ours = threading.Thread(target=lambda: said.append(refused(newest)))
    ours.start()
    newest.reached()
    newest.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    ours.join()
    assert said[0].message == "shop.0002_a failed, and changed nothing: the lock in the database was lost, and it was ended"
    newest.go_on()
    assert "shop.0002_a" in newest.app.run(1)
    assert newest.sql("SELECT name FROM shop_product") == ["0002_a"]


def test_what_takes_too_long_is_ended_and_changes_nothing(newest: Case) -> None:
    newest.django(1, shop(paused("0002_a", "0001_initial")))
    newest.manage(1, "migrate", "shop", "0001")
    newest.django(1, shop(paused("0002_a", "0001_initial")), timeout_seconds=8.0)
    newest.stop_at("within", "0002_a")
    assert refused(newest).message == "shop.0002_a failed, and changed nothing: it took too long, and was ended"
    assert newest.sql("SELECT name FROM shop_product") == []


def refused(case: Case) -> AgentError:
    """What the run of generation 1 says no with."""
    with pytest.raises(AgentError) as said:
        case.app.run(1)
    return said.value


def migrate_by_hand(case: Case) -> None:
    argv = [str(case.python), "manage.py", "migrate"]
    subprocess.run(argv, cwd=case.release(1), env={**case.env, **case.given}, capture_output=True, check=False, timeout=60)
