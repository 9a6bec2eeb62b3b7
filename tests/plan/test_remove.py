"""A removal's plan: one step on every host that holds something; shared paths stay unless told otherwise."""

from __future__ import annotations

from shipway.model.plan import Plan
from shipway.plan.remove import plan_remove
from tests.plan.fleet import KEY, WHO, changed, facts, fresh, intent, release, serving

WANTED = intent(("a", "b"), shared=("media",))


def plan(said: dict[str, dict[str, object]], shared: bool = False) -> Plan:
    return plan_remove(WANTED, facts(said), deployment="2-x", who=WHO, number=2, peer_key=KEY, shared=shared)


def test_a_removal_names_what_stays() -> None:
    made = plan(serving(WANTED, [release(1)]))
    assert {name: step.args for name, (step,) in made.switch.items()} == {name: {"keep_shared": True} for name in ("a", "b")}
    assert made.notes == ("a: shared/media is kept", "b: shared/media is kept") and not made.waves and made.release == release(1).digest


def test_hosts_without_anything_are_left_alone() -> None:
    said = serving(WANTED, [release(1)], only=["b"])
    for attempt in said["b"]["member"]["attempts"]:
        attempt["members"] = ["b"]
    assert list(plan(said).switch) == ["b"]
    assert plan({"a": fresh("a"), "b": fresh("b")}).nothing_to_do


def test_what_is_shared_can_be_removed_after_the_rest() -> None:
    rest = {"a": changed(fresh("a"), shared=["media"]), "b": fresh("b")}
    assert plan(rest).nothing_to_do
    assert {name: step.args for name, (step,) in plan(rest, shared=True).switch.items()} == {"a": {"keep_shared": False}}
