"""A rollback's plan: the target's own release, processes and environment come back; nothing is shipped, built or run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shipway.model.errors import Refused
from shipway.model.intent import Data, Intent, Page, Task
from shipway.model.plan import Plan
from shipway.plan.rollback import plan_rollback
from tests.plan.fleet import CADDIES, KEY, WEB, WHO, facts, intent, release, serving

BEFORE = intent(("a", "b"), env={"LEVEL": "info"}, tasks=[Task("migrate", "migrate", phase="activate", once=True)])
AFTER = intent(("a", "b"), env={"LEVEL": "debug"}, processes=(replace(WEB, instances=3),), key_pages=(Page("/new"),))


def plan(wanted: Intent, said: dict[str, dict[str, object]], target: str = "@previous") -> Plan:
    return plan_rollback(wanted, facts(said), target, deployment="9-x", who=WHO, number=9, caddies=CADDIES, peer_key=KEY)


def test_a_rollback_copies_the_generation_and_runs_no_task() -> None:
    said = serving(BEFORE, [release(1), release(2)])
    made = plan(AFTER, said)
    assert made.kind == "rollback" and made.release == release(1).digest and made.document["before"] == 2
    for name in ("a", "b"):
        does = [step.do for wave in made.waves for step in wave.steps[name]]
        assert does == ["tree.make", "generation.copy", "proxy.ensure", "member", "peers.reach", "member", "process.start", "member"]
        copy = made.waves[0].steps[name][1].args
        assert copy["source"] == 1 and copy["number"] == 9
        assert "env" not in copy and "processes" not in copy["document"], "the host takes them from the target, with its environment"
    assert not made.undo


def test_what_may_not_be_lost_is_not_forgotten_by_going_back_to_before_it_was_declared() -> None:
    said = serving(BEFORE, [release(1), release(2)])
    main, other = Data("main", "postgres", url="LEVEL"), Data("other", "postgres", url="NOT_THEN")
    wanted = replace(AFTER, environment=replace(AFTER.environment, data=(main, other)))
    (rows,) = {str(step.args["document"]["data"]) for step in plan(wanted, said).waves[0].steps["a"] if step.do == "generation.copy"}
    assert "'main'" in rows
    assert "'other'" not in rows, "the environment of then does not say where that is"


def test_the_target_is_proved_by_its_own_pages_and_not_by_newer_ones() -> None:
    made = plan(AFTER, serving(BEFORE, [release(1), release(2)]))
    start = next(step for step in made.waves[-1].steps["a"] if step.do == "process.start")
    assert [page["path"] for step in (start, made.verify["a"][-1]) for page in step.args["pages"]] == ["/up", "/up"]


def test_a_rollback_to_what_is_live_and_well_does_nothing_and_repairs_what_is_not() -> None:
    said = serving(BEFORE, [release(1), release(2)])
    assert plan(BEFORE, said, "2").nothing_to_do
    said["b"]["processes"] = []
    made = plan(BEFORE, said, "2")
    assert not made.nothing_to_do and made.waves[0].steps["a"][1].args["source"] == 2


def test_members_that_lack_the_target_are_named_with_the_deployment_that_brings_it() -> None:
    said = serving(BEFORE, [release(1), release(2)])
    del said["b"]["generations"]["1"]
    with pytest.raises(Refused) as raised:
        plan(BEFORE, said)
    assert raised.value.code == "target-lacking" and "b" in raised.value.message
    assert f"--ref {release(1).source.commit[:12]}" in raised.value.hint
