"""Periodic jobs in a plan: no step of it, on one host of the fleet, and where they go when hosts come, go or are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from shipway.model.intent import Intent, Job, Task
from shipway.model.loan import Loan
from shipway.model.plan import Plan
from shipway.plan.deploy import plan_deploy
from shipway.plan.difference import difference
from shipway.plan.documents import env_document
from shipway.plan.jobs import homeless, job_table
from shipway.plan.leave import plan_leave
from shipway.plan.rollback import plan_rollback
from shipway.plan.settings import compared
from tests.plan.fleet import CADDIES, KEY, WHO, changed, facts, fresh, host, intent, release, serving

NIGHTLY = Job("nightly", "backup --all", "0 3 * * *", "Europe/Berlin", env={"LEVEL": "9"})


def deployed(wanted: Intent, said: Mapping[str, Any], number: int = 2) -> Plan:
    return plan_deploy(
        wanted, release(number), facts(said), deployment=f"{number}-n", who=WHO, number=number, caddies=CADDIES, peer_key=KEY
    )


def documents(plan: Plan) -> dict[str, Any]:
    steps = [(name, step) for wave in plan.waves for name, listed in wave.steps.items() for step in listed]
    return {name: step.args["document"] for name, step in steps if step.do in ("generation.make", "generation.copy")}


def hosts_of(jobs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {job["name"]: job["host"] for job in jobs}


def test_a_job_is_no_step_and_every_host_keeps_whose_it_is() -> None:
    wanted = intent(("b", "a"), jobs=(NIGHTLY,), tasks=(Task("migrate", "migrate", "activate"),))
    plan = deployed(wanted, {"a": fresh("a"), "b": fresh("b")})
    assert not [step.key for wave in plan.waves for listed in wave.steps.values() for step in listed if "nightly" in step.key]
    for document in documents(plan).values():
        assert document["tasks"] == ["migrate"]
        (job,) = document["jobs"]
        assert (job["name"], job["host"], job["run"], job["schedule"]) == ("nightly", "a", "backup --all", "0 3 * * *")
        assert (job["timezone"], job["catch_up"], job["timeout_seconds"], job["directory"]) == ("Europe/Berlin", False, 600.0, ".")


def test_the_first_host_with_its_role_has_it_and_those_with_the_role_its_environment() -> None:
    wanted = intent(("a",), jobs=(replace(NIGHTLY, roles=("jobs",)),))
    hosts = (host("a", ["web"]), host("c", ["jobs"]), host("b", ["web", "jobs"]))
    wanted = replace(wanted, environment=replace(wanted.environment, hosts=hosts))
    assert hosts_of(job_table(wanted)) == {"nightly": "b"}
    assert [name.name for name in hosts if env_document(wanted, name)["task"]] == ["c", "b"]


def test_one_that_no_host_fits_is_named() -> None:
    wanted = intent(("a",), jobs=(replace(NIGHTLY, roles=("jobs",)),))
    wanted = replace(wanted, environment=replace(wanted.environment, hosts=(host("a", ["web"]),)))
    plan = deployed(wanted, {"a": fresh("a")})
    assert "job nightly runs nowhere: no host has its roles (jobs)" in plan.notes


def test_a_job_that_changes_is_another_generation_and_one_that_does_not_is_none() -> None:
    before = intent(("a",), jobs=(NIGHTLY,))
    said = serving(before, [release(1)])
    assert deployed(before, said, 1).nothing_to_do
    for change in ({"schedule": "0 4 * * *"}, {"run": "backup"}, {"catch_up": True}, {"env": {"LEVEL": "1"}}, {"timezone": "UTC"}):
        assert not deployed(intent(("a",), jobs=(replace(NIGHTLY, **change),)), said, 1).nothing_to_do, change
    live = facts(said)["a"].live
    changed = difference(intent(("a",), jobs=(replace(NIGHTLY, schedule="@daily"),)), release(1), host("a"), live, None)
    assert [(one.key, one.before, one.after) for one in changed.settings] == [("job.nightly.schedule", "0 3 * * *", "@daily")]
    gone = difference(intent(("a",)), release(1), host("a"), live, None)
    assert ("job.nightly", "removed", "backup --all") in [(one.key, one.change, one.before) for one in gone.settings]


def test_a_configuration_without_jobs_is_what_it_was_before_there_were_any() -> None:
    """Else every fleet would get a new generation from a new Shipway."""
    assert all("jobs" not in document for document in documents(deployed(intent(), {"a": fresh("a"), "b": fresh("b")})).values())


def test_who_is_left_out_keeps_its_jobs_and_people_are_told() -> None:
    wanted = intent(("a", "b"), jobs=(NIGHTLY,))
    said = serving(wanted, [release(1)])
    without = replace(wanted, environment=replace(wanted.environment, hosts=(host("b"),), without=(host("a"),)))
    plan = deployed(without, {"b": said["b"]})
    assert hosts_of(documents(plan)["b"]["jobs"]) == {"nightly": "a"}
    told = [note for note in plan.notes if "nightly" in note]
    assert told == [
        "job nightly is a's, which is left out: no other host runs it, unless a is gone for ever (shipway host remove production a --lost)"
    ]


def test_a_job_whose_host_left_goes_to_another_with_the_next_deployment() -> None:
    wanted = intent(("a", "b"), jobs=(NIGHTLY,))
    said = serving(wanted, [release(1)])
    leave = plan_leave(wanted, "a", facts(said), deployment="2-x", who=WHO, number=2, peer_key=KEY, lost=False)
    assert "job nightly runs nowhere from now on, until shipway deploy production gives it to another host" in leave.notes
    live = facts(said)["b"].live
    assert live is not None
    assert homeless(live, ("b",)) == ["nightly"]
    assert homeless(live, ("a", "b")) == []
    plan = deployed(intent(("b",), jobs=(NIGHTLY,)), {"b": changed(said["b"], member={"left": {"a": 2}})}, 1)
    assert hosts_of(documents(plan)["b"]["jobs"]) == {"nightly": "b"}
    assert "job nightly goes from a to b: what is due until a minute after the commit is left out" in plan.notes


def rolled_back(wanted: Intent, said: Mapping[str, Any], **more: Any) -> Plan:
    return plan_rollback(wanted, facts(said), "1", deployment="3-n", who=WHO, number=3, caddies=CADDIES, peer_key=KEY, **more)


def test_a_rollback_brings_a_job_back_where_it_was() -> None:
    said = serving(intent(("a", "b"), jobs=(NIGHTLY,)), [release(1), release(2)])
    assert {name: hosts_of(d["jobs"]) for name, d in documents(rolled_back(intent(("a", "b")), said)).items()} == {
        "a": {"nightly": "a"},
        "b": {"nightly": "a"},
    }


def test_a_rollback_gives_the_job_of_a_host_that_left_to_one_that_stays() -> None:
    said = serving(intent(("a", "b", "c"), jobs=(NIGHTLY,)), [release(1), release(2)])
    plan = rolled_back(intent(("b", "c")), {name: changed(said[name], member={"left": {"a": 2}}) for name in ("b", "c")})
    assert {name: hosts_of(d["jobs"]) for name, d in documents(plan).items()} == {"b": {"nightly": "b"}, "c": {"nightly": "b"}}


def test_a_host_that_borrows_a_generation_does_not_run_the_lenders_jobs_too() -> None:
    said = serving(intent(("a", "b"), jobs=(NIGHTLY,)), [release(1), release(2)])
    bare = {**said, "c": fresh("c")}
    document = facts(said)["a"].generations[1]
    plan = rolled_back(intent(("a", "b", "c")), bare, loans={"c": Loan("a", 1, document, {"common": {}, "process": {}, "task": {}})})
    assert {hosts_of(d["jobs"])["nightly"] for d in documents(plan).values()} == {"a"}


def test_config_compares_the_environment_of_a_job_too() -> None:
    wanted = intent(("a",), jobs=(NIGHTLY,))
    assert [(s.name, s.owner, s.source) for s in compared(wanted, [], {}, facts(serving(wanted, [release(1)])))] == [
        ("LEVEL", "task.nightly", "live only")
    ]
