"""A revert's plan: what a rollback does, and the data's steps before the switch, behind a hold where the lead keeps the data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shipway.model.errors import Refused, WrongInput
from shipway.model.facts import HostFacts
from shipway.model.intent import Data, Intent, Migrations
from shipway.model.plan import Plan
from shipway.plan.data.between import Between
from shipway.plan.data.course import aim
from shipway.plan.held_back import held_back, held_back_after
from shipway.plan.orders.release import order_release
from shipway.plan.revert import Course, cannot_hold, plan_revert
from tests.plan.fleet import KEY, WHO, facts, intent, release, serving

MAIN, UPLOADS = Data("main", "postgres", url="DATABASE_URL"), Data("uploads", "files", path="media")
BACK = Between(2, back=("0003_more", "0002_note"))


def test_migrations_go_back_behind_the_restore_point_and_before_the_switch_while_requests_wait() -> None:
    made = plan(BACK)
    assert [wave.name for wave in made.waves] == [
        "prepared",
        "workers rest",
        "requests wait",
        "restore points of main",
        "data as it was",
        "ready",
    ]
    (step,) = made.waves[4].steps["a"]
    assert step.do == "migrations.reverse"
    assert step.args == {"generation": 2, "names": ["0003_more", "0002_note"], "held": True}
    assert made.waves[3].steps["a"][0].do == "data.take", "also where no deployment takes one"
    assert set(made.waves[4].steps) == {"a"}
    assert made.kind == "revert"
    assert made.document["what"] == "revert to 1.1 (generation 1), schema too"


def test_the_generation_says_which_migrations_its_deployment_takes_back_so_that_whoever_settles_it_applies_them_again() -> None:
    (copy,) = [step for step in plan(BACK).waves[0].steps["a"] if step.do == "generation.copy"]
    assert copy.args["document"]["reverses"]["names"] == ["0003_more", "0002_note"]
    assert copy.args["document"]["kind"] == "revert"


def test_nothing_but_code_is_a_rollback_of_its_own_kind() -> None:
    made = plan(Between(2))
    assert [wave.name for wave in made.waves] == ["prepared", "ready"]
    assert made.document["what"] == "revert to 1.1 (generation 1), code and configuration"


def test_forward_the_targets_own_code_looks_before_its_vote_and_runs_them_again() -> None:
    made = plan(Between(2, forward=("0002_note",)))
    dos = [step.do for step in made.waves[0].steps["a"]]
    assert dos.index("generation.copy") < dos.index("migrations.look") < dos.index("member")
    assert "migrations.look" not in [step.do for step in made.waves[0].steps["b"]]
    assert [(step.key, step.args["generation"]) for step in made.waves[4].steps["a"]] == [("migrate:expand", 9), ("migrate:held", 9)]


def test_forward_a_contract_migration_runs_behind_the_commit_or_waits_for_a_warm_release() -> None:
    between = Between(2, forward=("0002_drop",), phases={"0002_drop": "contract"})
    made = plan(between)
    assert [(step.do, step.args.get("phase")) for step in made.after["a"]] == [("data.take", None), ("migrations.run", "contract")]
    wanted = with_data()
    warm = replace(wanted, environment=replace(wanted.environment, keep_warm_seconds=60.0))
    made = plan(between, wanted=warm)
    assert not made.after
    assert any(note.startswith("0002_drop waits") and "shipway data migrate production" in note for note in made.notes)


def test_data_comes_back_from_its_restore_points_and_no_migration_is_taken_back() -> None:
    made = plan(BACK, points={"main": {"point": "main-1"}, "uploads": {"point": "uploads-1"}})
    assert [(step.do, step.args["point"]) for step in made.waves[4].steps["a"]] == [
        ("data.restore", "main-1"),
        ("data.restore", "uploads-1"),
    ]
    assert [step.args["name"] for step in made.waves[3].steps["a"]] == ["main", "uploads"]
    assert [step.args["spare"] for step in made.waves[3].steps["a"]] == [["main-1", "uploads-1"]] * 2, "or the first would push them out"
    assert made.document["what"].endswith("with data")


@pytest.mark.parametrize("between", [BACK, Between(2, forward=("0002_note",)), Between(2, known=False), None])
def test_data_without_its_schema_does_not_come_back(between: Between | None) -> None:
    """The point of main has the schema of then, and there is none."""
    with pytest.raises(Refused, match="no restore point of main from then, and its schema") as refused:
        plan(between, points={"uploads": {"point": "uploads-1"}})
    assert refused.value.code == "no-point-then"


def test_data_comes_back_alone_where_the_schema_is_as_it_was() -> None:
    assert plan(Between(2), points={"uploads": {"point": "uploads-1"}}).document["what"].endswith("with data")


def test_data_comes_back_also_where_the_release_stays() -> None:
    made = plan(None, target="2", points={"main": {"point": "main-1"}})
    assert not made.nothing_to_do
    assert plan(None, target="2").nothing_to_do


def test_where_the_keeper_does_not_lead_nobody_is_held() -> None:
    elsewhere = replace(MAIN, roles=("db",))
    wanted = with_data((elsewhere,), roles={"b": ("db",), "a": ("web",)})
    assert cannot_hold(wanted, (elsewhere,)) == "the restore points of main are kept by b, and a leads"
    made = plan(BACK, wanted=wanted)
    assert [wave.name for wave in made.waves] == ["prepared", "restore points of main", "data as it was", "ready"]
    assert "held" not in made.waves[2].steps["b"][0].args


def test_an_earlier_generation_that_does_not_say_where_the_data_is_is_refused() -> None:
    wanted = with_data()
    said = serving(wanted, [release(1), release(2)])
    del said["a"]["generations"]["1"]["env_digests"]["DATABASE_URL"]
    found = facts(said)
    course = Course(aim("production", found, "1", None), 2, BACK)
    with pytest.raises(Refused, match="has no variable DATABASE_URL, which says where main is"):
        plan_revert(wanted, found, course, deployment="9-x", who=WHO, number=9, peer_key=KEY)


def test_what_is_left_is_held_back_and_what_is_gone_to_is_not() -> None:
    said = fleet(with_data())
    (left,) = held_back_after(said, said["a"].generations[1], who=WHO)["held_back"]
    assert (left["commit"], left["version"], left["who"]) == (release(2).source.commit, "1.2", WHO)
    assert held_back(said) == []
    back = reverted(left)
    assert held_back(back) == [left]
    assert held_back_after(back, said["a"].generations[2], who=WHO) == {"held_back": []}, "forward again"


@pytest.mark.parametrize("number", [1, 2])
def test_a_generation_of_the_same_commit_holds_nothing_back(number: int) -> None:
    said = serving(with_data(), [release(1), release(1)])
    found = facts(said)
    assert held_back_after(found, found["a"].generations[number], who=WHO) == {"held_back": []}


def test_a_release_is_an_order_that_leaves_every_process_alone() -> None:
    left = {"commit": release(2).source.commit, "version": "1.2", "since": 1.0, "who": WHO}
    there = reverted(left)
    order = order_release(with_data(), there, None)
    assert (order.what, order.command) == ("release 1.2", "shipway release production")
    change = order.changes["a"]
    assert (change.keys, change.judged, change.takes) == ({"held_back": []}, (), ("web",))
    assert order_release(with_data(), there, release(2).source.commit).changes
    assert order_release(with_data(), fleet(with_data()), None).changes == {}, "nothing is held back"
    with pytest.raises(WrongInput, match=r"held back is 1\.2"):
        order_release(with_data(), there, "v9")


def reverted(left: Any) -> dict[str, HostFacts]:
    said = serving(with_data(), [release(1), release(2), release(1)])
    for one in said.values():
        one["generations"]["3"]["held_back"] = [left]
    return facts(said)


def plan(
    between: Between | None, *, target: str = "1", points: dict[str, dict[str, str]] | None = None, wanted: Intent | None = None
) -> Plan:
    wanted = wanted or with_data()
    said = fleet(wanted)
    course = Course(aim("production", said, target, None), 2, between, points or {}, "shipway revert production --yes")
    return plan_revert(wanted, said, course, deployment="9-x", who=WHO, number=9, peer_key=KEY)


def fleet(wanted: Intent) -> dict[str, HostFacts]:
    return facts(serving(wanted, [release(1), release(2)]))


def with_data(data: tuple[Data, ...] = (MAIN, UPLOADS), *, roles: dict[str, tuple[str, ...]] | None = None) -> Intent:
    made = intent(("a", "b"), data=data, env={"DATABASE_URL": "postgres://db/shop"})
    hosts = tuple(replace(host, roles=(roles or {}).get(host.name, ())) for host in made.environment.hosts)
    shipment = replace(made.shipment, migrations=Migrations("sql", "main"))
    return replace(made, environment=replace(made.environment, hosts=hosts), shipment=shipment)
