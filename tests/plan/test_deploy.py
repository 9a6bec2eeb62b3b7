"""A deployment's plan: the shape of the transaction on every fleet, and the same plan twice from the same facts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.model.errors import Refused
from shipway.model.facts import HostFacts
from shipway.model.intent import Intent, Page, Task
from shipway.model.plan import Plan
from shipway.model.release import Release
from shipway.plan.deploy import plan_deploy
from shipway.reports.plan import plan_json
from tests.plan.fleet import CADDIES, KEY, WEB, WHO, WORKER, changed, facts, fresh, host, intent, release, serving

names = st.sets(st.sampled_from("abcdef"), min_size=1, max_size=5).map(sorted)


@st.composite
def tasks_of(draw: st.DrawFn) -> list[Task]:
    """Tasks of both phases, some of them once, some with an undo."""
    phases: list[Literal["prepare", "activate"]] = ["prepare", "activate"]
    return [
        Task(f"t{i}", "run", phase=draw(st.sampled_from(phases)), once=draw(st.booleans()), undo=draw(st.sampled_from(["undo", None])))
        for i in range(draw(st.integers(0, 5)))
    ]


def plan(wanted: Intent, shipped: Release, said: dict[str, HostFacts], number: int = 7, **more: Any) -> Plan:
    return plan_deploy(wanted, shipped, said, deployment=f"{number}-x", who=WHO, number=number, caddies=CADDIES, peer_key=KEY, **more)


@given(names, tasks_of(), st.booleans())
def test_every_host_goes_through_the_transaction_in_its_order(fleet: list[str], tasks: list[Task], worker: bool) -> None:
    wanted = intent(fleet, tasks=tasks, processes=(WEB, replace(WORKER, roles=())) if worker else (WEB,))
    made = plan(wanted, release(2), facts(serving(wanted, [release(1)])))
    assert made.lead == min(fleet) and made.members == tuple(fleet) and made.kind == "deploy"
    for name in fleet:
        before = [step.do for wave in made.waves for step in wave.steps.get(name, ())]
        assert before[:3] == ["tree.make", "generation.make", "proxy.ensure"]
        assert before[-3:] == ["member", "process.start", "member"]
        words = [step.args["do"] for wave in made.waves for step in wave.steps.get(name, ()) if step.do == "member"]
        assert words == ["vote", "start", "ready"]
        assert [step.do for step in made.switch[name]] == ["switch"]
        assert [step.do for step in made.verify[name]] == (["workers.settled"] if worker else []) + ["prove"]
        assert [step.do for step in made.finish[name]] == ["retire.watch", "member", "prune"]
    phases = [wave.phase for wave in made.waves]
    assert phases == sorted(phases, key=["prepare", "activate", "start"].index)


def test_a_visitor_asks_from_the_start_of_candidates_what_is_asked_at_the_switch() -> None:
    wanted = intent(("a", "b"), processes=(WEB, WORKER))
    made = plan(wanted, release(2), facts(serving(wanted, [release(1)])))
    for name in ("a", "b"):
        (start,) = (step for step in made.waves[-1].steps[name] if step.do == "process.start")
        (switch,) = made.switch[name]
        assert start.args == {"generation": 7, **switch.args} and switch.args["pages"] and switch.args["front"]


def test_where_nothing_serves_nobody_visits() -> None:
    wanted = intent(("a",), processes=(replace(WORKER, roles=()),))
    made = plan(wanted, release(2), facts(serving(wanted, [release(1)])))
    assert [step.args for step in made.waves[-1].steps["a"] if step.do == "process.start"] == [{"generation": 7}]


@given(names, tasks_of())
def test_nobody_activates_before_everybody_has_voted(fleet: list[str], tasks: list[Task]) -> None:
    made = plan(intent(fleet, tasks=tasks), release(1), facts({name: fresh(name) for name in fleet}))
    voted = [i for i, wave in enumerate(made.waves) for todo in wave.steps.values() for step in todo if step.args.get("do") == "vote"]
    activated = [i for i, wave in enumerate(made.waves) if wave.phase != "prepare"]
    assert len(voted) == len(fleet) and max(voted) < min(activated)


@given(names, tasks_of())
def test_keys_are_unique_on_a_host_and_undos_name_the_task_they_undo(fleet: list[str], tasks: list[Task]) -> None:
    made = plan(intent(fleet, tasks=tasks), release(1), facts({name: fresh(name) for name in fleet}))
    for name in fleet:
        lists = [wave.steps.get(name, ()) for wave in made.waves] + [made.switch[name], made.verify[name], made.finish[name]]
        keys = [step.key for todo in lists for step in todo]
        assert len(set(keys)) == len(keys)
        ran = [key for key in keys if key.startswith("task:")]
        undone = [step.key for step in made.undo.get(name, ())]
        having = {f"task:{task.name}" for task in tasks if task.undo and task.phase == "activate"}
        assert undone == [f"undo:{key}" for key in reversed(ran) if key in having], "in reverse order of running"


@given(names, tasks_of())
def test_the_same_facts_give_the_same_plan_and_a_live_generation_gives_none(fleet: list[str], tasks: list[Task]) -> None:
    wanted = intent(fleet, tasks=tasks, env={"KEY": "secret-value"})
    said = facts(serving(wanted, [release(1)]))
    assert plan(wanted, release(2), said) == plan(wanted, release(2), said)
    assert plan(wanted, release(1), said).nothing_to_do
    assert not plan(wanted, release(2), said).nothing_to_do
    assert "secret-value" not in json.dumps(plan_json(plan(wanted, release(2), said)))
    assert KEY not in json.dumps(plan_json(plan(wanted, release(2), said)))


@pytest.mark.parametrize(
    "wanted",
    [
        intent(("a", "b"), env={"LEVEL": "warn"}),
        intent(("a", "b"), env={"LEVEL": "info", "MORE": "1"}),
        intent(("a", "b"), env={"LEVEL": "info"}, app_env={"APP": "1"}),
        intent(("a", "b"), env={"LEVEL": "info"}, processes=(replace(WEB, instances=2),)),
        intent(("a", "b"), env={"LEVEL": "info"}, processes=(replace(WEB, env={"ONLY": "web"}),)),
        intent(("a", "b"), env={"LEVEL": "info"}, processes=(replace(WEB, run="serve --other $PORT"),)),
        intent(("a", "b"), env={"LEVEL": "info"}, tasks=[Task("install", "install")]),
        intent(("a", "b"), env={"LEVEL": "info"}, key_pages=(Page("/"),)),
        intent(("a", "b"), env={"LEVEL": "info"}, domains=("shop.example",)),
        intent(("a", "b"), env={"LEVEL": "info"}, static="public"),
    ],
    ids=["value", "name", "app-env", "instances", "process-env", "command", "task", "key-page", "domain", "static"],
)
def test_the_same_release_with_another_configuration_is_another_generation(wanted: Intent) -> None:
    before = intent(("a", "b"), env={"LEVEL": "info"})
    said = facts(serving(before, [release(1)]))
    assert plan(before, release(1), said).nothing_to_do
    made = plan(wanted, release(1), said)
    assert not made.nothing_to_do and made.kind == "deploy"


def test_the_command_of_a_task_belongs_to_the_configuration() -> None:
    before, after = (intent(("a",), tasks=[Task("install", run)]) for run in ("install", "install --all"))
    assert not plan(after, release(1), facts(serving(before, [release(1)]))).nothing_to_do


@pytest.mark.parametrize(
    ("parts", "note"),
    [
        ({"link": 9}, "b: current points at generation 9, the record says 1"),
        ({"releases": []}, "b: release 1ddddddddddd is not complete on disk"),
        ({"supervisor": {"running": False}}, "b: the supervisor does not run"),
        ({"proxy": {"running": False}}, "b: the proxy does not run"),
        ({"processes": []}, "b: process web.1 does not run"),
        ({"drift": ["app.py is changed"]}, "b: app.py is changed"),
        ({"generations": {"1": None}}, None),
    ],
)
def test_what_is_wrong_on_one_host_makes_a_repair_of_all(parts: dict[str, Any], note: str | None) -> None:
    wanted = intent(("a", "b"))
    said = serving(wanted, [release(1)])
    said["b"] = changed(said["b"], **parts)
    if note is None:
        del said["b"]["generations"]["1"]
        note = "b: generation 1 is recorded as current and is not on disk"
    made = plan(wanted, release(1), facts(said))
    assert made.kind == "repair" and note in made.notes
    assert set(made.switch) == {"a", "b"}
    documents = [
        step.args["document"] for wave in made.waves for todo in wave.steps.values() for step in todo if step.do == "generation.make"
    ]
    assert {document["kind"] for document in documents} == {"repair"} and made.document["kind"] == "repair"
    assert [document["same_as"] for document in documents] == [[1], [1]], "so that @previous looks through it"


def test_a_wrong_that_the_caller_saw_is_repaired_too() -> None:
    wanted = intent(("a",))
    said = facts(serving(wanted, [release(1)]))
    made = plan(wanted, release(1), said, repair=["a: the front door answers with another release"])
    assert made.kind == "repair" and made.notes == ("a: the front door answers with another release",)


def test_a_worker_that_is_not_healthy_yet_is_no_reason_to_refuse_a_new_release() -> None:
    wanted = intent(("a",))
    said = serving(wanted, [release(1)])
    said["a"]["processes"][0]["healthy"] = False
    made = plan(wanted, release(2), facts(said))
    assert made.kind == "deploy" and "a: process web.1 is not healthy" in made.notes


def test_every_host_learns_where_the_others_answer_and_whether_it_can_ask_its_lead() -> None:
    def peers(address: str, peer: str | None = None) -> list[str]:
        lead = replace(host("a"), address=address, peer=peer)
        wanted = intent(("a", "b"))
        wanted = replace(wanted, environment=replace(wanted.environment, hosts=(lead, host("b"))))
        made = plan(wanted, release(1), facts({"a": fresh("a"), "b": fresh("b")}))
        vote, reach = made.waves[0].steps["b"][-2:]
        assert reach.do == "peers.reach" and len(vote.args["addresses"]["b"]) == 1
        return list(vote.args["addresses"]["a"])

    assert peers("deploy@10.0.0.1") == ["10.0.0.1:7000"]
    assert peers("ssh://deploy@web1:2222") == ["web1:7000"]
    assert peers("local") == ["127.0.0.1:7000"]
    assert peers("deploy@10.0.0.1", peer="192.168.0.9") == ["192.168.0.9:7000"]
    assert peers("deploy@fd00::1") == ["[fd00::1]:7000"]
    assert peers("ssh://deploy@[fd00::1]:22") == ["[fd00::1]:7000"]


def test_one_host_alone_has_nobody_to_ask() -> None:
    vote = plan(intent(("a",)), release(1), facts({"a": fresh("a")})).waves[0].steps["a"][-1]
    assert vote.args["do"] == "vote" and vote.args["addresses"] == {}


def test_a_host_that_could_not_ask_its_lead_is_named_before_it_matters() -> None:
    said = {"a": fresh("a"), "b": {**fresh("b"), "cannot_ask": "10.0.0.1:7000: timed out"}}
    notes = plan(intent(("a", "b")), release(1), facts(said)).notes
    assert "b could not ask the lead last time (10.0.0.1:7000: timed out): when this program dies, b goes back alone" in notes


def test_a_host_that_only_works_has_no_front_door() -> None:
    wanted = intent(("a", "b"), processes=(replace(WEB, roles=("web",)), replace(WORKER, roles=("jobs",))))
    hosts = (host("a", ["web"]), host("b", ["jobs"]))
    wanted = replace(wanted, environment=replace(wanted.environment, hosts=hosts))
    made = plan(wanted, release(1), facts({"a": fresh("a"), "b": fresh("b")}))
    does = {name: [step.do for step in made.waves[0].steps[name]] for name in ("a", "b")}
    assert "proxy.ensure" in does["a"] and "proxy.ensure" not in does["b"]
    assert made.verify["b"][-1].args["front"] is None and made.verify["a"][-1].args["front"] == {"listen": ":8080", "host": ""}
    assert [step.do for step in made.verify["b"]] == ["workers.settled", "prove"]


def test_the_front_door_is_asked_for_key_pages_else_health_else_any_answer() -> None:
    def pages(wanted: Intent) -> list[str]:
        made = plan(wanted, release(1), facts({"a": fresh("a")}))
        return [page["path"] for page in made.verify["a"][-1].args["pages"]]

    assert pages(intent(("a",), key_pages=(Page("/"), Page("/login")))) == ["/", "/login"]
    assert pages(intent(("a",))) == ["/up"]
    assert pages(intent(("a",), processes=(replace(WEB, health=None),))) == ["/"]


def test_a_step_may_take_as_long_as_what_it_waits_for() -> None:
    wanted = intent(("a",), tasks=[Task("slow", "run", timeout_seconds=900.0)], watch_seconds=120.0)
    made = plan(wanted, release(1), facts({"a": fresh("a")}))
    bounds = {step.key: step.timeout_seconds for wave in made.waves for step in wave.steps["a"]}
    assert bounds["task:slow"] > 900.0 and bounds["start"] > 20.0
    assert made.verify["a"][-1].timeout_seconds > 120.0


def test_what_stands_in_the_way_is_said_before_anything_is_planned() -> None:
    with pytest.raises(Refused) as raised:
        plan(intent(("a", "b")), release(1), facts({"a": fresh("a")}))
    assert raised.value.exit_code == 3 and raised.value.hint


def test_hosts_that_differ_are_named_with_what_they_serve() -> None:
    wanted, other = intent(("a", "b")), intent(("a", "b"), env={"LEVEL": "debug"})
    said = serving(wanted, [release(1)])
    said["b"] = serving(other, [release(1)])["b"]
    assert "b: serves this release with another configuration, as generation 1" in plan(wanted, release(1), facts(said)).notes
    said = serving(wanted, [release(2), release(1)])
    said["b"] = serving(wanted, [release(1)])["b"]
    made = plan(wanted, release(1), facts(said))
    assert made.kind == "repair" and made.notes == ("hosts serve this release as different generations: 1, 2",)


def test_a_task_that_no_host_would_run_is_noted() -> None:
    wanted = intent(("a",), tasks=[Task("index", "index", roles=("search",))])
    wanted = replace(wanted, environment=replace(wanted.environment, hosts=(host("a", ["web"]),)))
    made = plan(wanted, release(1), facts({"a": fresh("a")}))
    assert "index runs nowhere: no host has its roles (search)" in made.notes
