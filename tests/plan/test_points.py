"""Restore points in a plan: right before what may change data, by one host for each, and behind a barrier of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shipway.model.intent import Data, Hidden, Intent, Migrations, Task
from shipway.model.plan import Plan
from shipway.plan.data.points import point_notes
from shipway.plan.deploy import plan_deploy
from shipway.plan.documents import env_document
from tests.plan.fleet import CADDIES, KEY, WHO, facts, fresh, host, intent, release, serving

MAIN = Data("main", "postgres", url="DATABASE_URL", env={"ADMIN_URL": Hidden("postgres://root:canary@h/shop")}, admin_url="ADMIN_URL")
MEDIA = Data("media", "files", path="media", roles=("web",))
MIGRATE = Task("migrate", "migrate", "activate", once=True)


def deployed(wanted: Intent, said: dict[str, Any], number: int = 2) -> Plan:
    return plan_deploy(
        wanted, release(number), facts(said), deployment=f"{number}-n", who=WHO, number=number, caddies=CADDIES, peer_key=KEY
    )


def waves(plan: Plan) -> list[tuple[str, dict[str, list[str]]]]:
    return [(w.name, {name: [s.key for s in todo] for name, todo in w.steps.items()}) for w in plan.waves if w.phase == "activate"]


def test_they_are_taken_by_one_host_each_before_the_first_task_that_users_may_see() -> None:
    wanted = intent(("b", "a"), data=(MAIN, MEDIA), tasks=(MIGRATE,))
    hosts = (host("a", ["db"]), host("b", ["web"]))
    wanted = replace(wanted, environment=replace(wanted.environment, hosts=hosts))
    assert waves(deployed(wanted, {"a": fresh("a"), "b": fresh("b")})) == [
        ("restore points of main, media", {"a": ["point:main"], "b": ["point:media"]}),
        ("migrate on a", {"a": ["task:migrate"]}),
    ]


@pytest.mark.parametrize(
    ("points", "tasks", "taken"),
    [
        ("changes", (MIGRATE,), True),
        ("changes", (), False),
        ("changes", (Task("install", "install"),), False),
        ("always", (), True),
        ("never", (MIGRATE,), False),
    ],
)
def test_when_they_are_taken(points: Any, tasks: tuple[Task, ...], taken: bool) -> None:
    wanted = intent(("a",), data=(replace(MAIN, points=points),), tasks=tasks)
    assert any("point:main" in todo for _, steps in waves(deployed(wanted, {"a": fresh("a")})) for todo in steps.values()) is taken


FILE = Data("main", "sqlite", path="var/shop.sqlite3")


def test_that_each_host_has_a_file_of_sqlite_of_its_own_is_a_note() -> None:
    both = {"a": fresh("a"), "b": fresh("b")}
    (note,) = [note for note in deployed(intent(("a", "b"), data=(FILE,)), both).notes if "SQLite" in note]
    assert note.startswith(
        "main is a file of SQLite, and each of a, b has one of its own: its restore points are of a alone; give [data.main]"
    )
    migrating = intent(("a", "b"), data=(FILE,))
    migrating = replace(migrating, shipment=replace(migrating.shipment, migrations=Migrations("sql", "main")))
    (note,) = [note for note in point_notes(migrating, changes=True) if "SQLite" in note]
    assert "its migrations and restore points are of a alone" in note
    one = intent(("a", "b"), data=(replace(FILE, roles=("db",)),))
    one = replace(one, environment=replace(one.environment, hosts=(host("a", ["db"]), host("b", ["web"]))))
    for calm in (one, intent(("a",), data=(FILE,)), intent(("a", "b"), data=(MAIN,))):
        assert not [note for note in point_notes(calm, changes=True) if "SQLite" in note]


def test_a_deployment_that_changes_nothing_takes_none() -> None:
    wanted = intent(("a",), data=(replace(MAIN, points="always"),))
    assert deployed(wanted, serving(wanted, [release(1)]), 1).nothing_to_do


def test_only_the_host_that_takes_them_gets_their_variables_and_no_document_has_a_value() -> None:
    wanted = intent(("a", "b"), data=(MAIN,), app_env={"DATABASE_URL": Hidden("postgres://app:canary@h/shop")})
    plan = deployed(wanted, {"a": fresh("a"), "b": fresh("b")})
    first, second = wanted.environment.hosts
    assert env_document(wanted, first)["data"] == {"main": dict(MAIN.env)}
    assert "data" not in env_document(wanted, second)
    for wave in plan.waves:
        for todo in wave.steps.values():
            for step in todo:
                assert "canary" not in str({key: value for key, value in step.args.items() if key != "env"})
    (row,) = next(s for w in plan.waves for s in w.steps["a"] if s.key == "generation").args["document"]["data"]
    assert row == {
        "name": "main",
        "driver": "postgres",
        "host": "a",
        "keep": 5,
        "url": "DATABASE_URL",
        "admin_url": "ADMIN_URL",
        "timeout_seconds": 3600.0,
    }


def test_a_configuration_without_data_is_what_it_was_before_there_was_any() -> None:
    for wave in deployed(intent(), {"a": fresh("a"), "b": fresh("b")}).waves:
        for todo in wave.steps.values():
            assert all("data" not in step.args.get("document", {}) for step in todo)


def test_data_of_nobody_is_named() -> None:
    wanted = intent(("a",), data=(replace(MAIN, roles=("db",)),), tasks=(MIGRATE,))
    wanted = replace(wanted, environment=replace(wanted.environment, hosts=(host("a", ["web"]),)))
    plan = deployed(wanted, {"a": fresh("a")})
    assert "no restore point of main is taken: no host has its roles (db)" in plan.notes


def test_one_by_the_clock_is_a_job_of_the_host_that_takes_them() -> None:
    wanted = intent(("a", "b"), data=(replace(MAIN, schedule="0 3 * * *", timezone="Europe/Berlin"),))
    document = next(
        s for w in deployed(wanted, {"a": fresh("a"), "b": fresh("b")}).waves for s in w.steps["b"] if s.key == "generation"
    ).args["document"]
    (job,) = document["jobs"]
    assert (job["name"], job["host"], job["data"], job["schedule"], job["catch_up"]) == (
        "restore-point-main",
        "a",
        "main",
        "0 3 * * *",
        True,
    )
