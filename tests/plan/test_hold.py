"""A held migration in a plan: who may have one, and what a deployment is like while requests wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shipway.model.intent import Data, Host, Intent, Migrations, Process
from shipway.model.plan import Plan, Step
from shipway.plan.data.hold import hold_refusal, hold_wave, holding
from shipway.plan.data.points import point_waves
from shipway.plan.deploy import plan_deploy
from tests.plan.fleet import CADDIES, KEY, WEB, WHO, facts, host, intent, release, serving

MAIN = Data("main", "postgres", url="DATABASE_URL")
WORKER = Process("worker", "work", drain_seconds=600.0)


def held(*hosts: Host, data: Data = MAIN) -> Intent:
    wanted = intent(tuple(h.name for h in hosts), data=(data,), processes=(WEB, WORKER))
    migrations = Migrations("sql", "main", path="migrations")
    return replace(
        wanted,
        environment=replace(wanted.environment, hosts=hosts),
        shipment=replace(wanted.shipment, migrations=migrations),
    )


def planned(wanted: Intent, **settings: Any) -> Plan:
    """The plan of release 2 over 1, with its hold before the restore point."""
    wanted = replace(wanted, environment=replace(wanted.environment, **settings))
    said = facts(serving(wanted, [release(1)]))
    plan = plan_deploy(wanted, release(2), said, deployment="2-n", who=WHO, number=2, caddies=CADDIES, peer_key=KEY)
    documents = {name: fact.live for name, fact in said.items() if fact.live is not None}
    first = [wave for wave in plan.waves if wave.phase == "prepare"]
    between = (hold_wave(documents, 30), *point_waves(wanted, documents, 2, changes=True))
    return holding(replace(plan, waves=(*first, *between, *plan.waves[len(first) :])), said)


def test_the_lead_must_keep_the_restore_points_for_there_the_decision_is() -> None:
    assert hold_refusal(held(host("a", ["db"]), host("b", ["web"]), data=replace(MAIN, roles=("db",)))) is None
    said = hold_refusal(held(host("a", ["web"]), host("b", ["db"]), data=replace(MAIN, roles=("db",))))
    assert said == "held migrations go back by a restore point on the lead, which is a, and b keeps those of main"
    nobody = hold_refusal(held(host("a", ["web"]), data=replace(MAIN, roles=("db",))))
    assert nobody is not None and "no host keeps those of main" in nobody


def test_data_of_which_no_point_is_taken_cannot_be_brought_back() -> None:
    said = hold_refusal(held(host("a"), data=replace(MAIN, points="never")))
    assert said == 'held migrations go back by a restore point, and none of main is taken (points = "never")'


def test_who_has_no_migrations_is_not_refused() -> None:
    assert hold_refusal(intent(("a",))) is None


def test_workers_rest_before_requests_wait_and_requests_wait_before_the_restore_point() -> None:
    plan = planned(held(host("a"), host("b")))
    names = [wave.name for wave in plan.waves if wave.phase == "activate"]
    assert names == ["workers rest", "requests wait", "restore points of main"]
    resting, waiting = (next(wave for wave in plan.waves if wave.name == name) for name in names[:2])
    assert set(resting.steps) == set(waiting.steps) == {"a", "b"}
    assert resting.steps["a"][0].timeout_seconds > 600.0, "a worker has its time to end"
    assert waiting.steps["a"][0].timeout_seconds < 600.0, "and no visitor waits for that"
    assert waiting.steps["b"][0].args == {"seconds": 30}


def test_all_hosts_go_together_also_where_deployments_are_rolling() -> None:
    plan = planned(held(host("a"), host("b"), host("c")), strategy="rolling")
    assert (plan.batches, plan.again) == ((), {})


def test_the_proof_is_asked_behind_the_door_and_workers_are_awaited_behind_the_decision() -> None:
    plan = planned(held(host("a")))
    starts = [step for wave in plan.waves for step in wave.steps["a"] if step.do == "process.start"]
    asked: list[Step] = [*starts, *plan.switch["a"], *plan.verify["a"]]
    assert [step.do for step in asked] == ["process.start", "switch", "prove"]
    assert all(step.args["visit"] is False for step in asked)
    assert asked[2].args["workers"] is False
    assert plan.finish["a"][0].do == "workers.settled"
