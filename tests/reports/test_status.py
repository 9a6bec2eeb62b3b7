"""The status of an environment: the one object of the design, from what hosts say and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shipway.model.facts import HostFacts
from shipway.reports.schemas import STATES, status_schema
from shipway.reports.status import drift, status, status_text
from tests.plan.fleet import WEB, changed, facts, fresh, intent, release, serving

SCHEMA = Draft202012Validator(status_schema())
WANTED = intent(("a", "b"), processes=(replace(WEB, instances=2),))

PLAIN: dict[str, Any] = {
    "jobs": [],
    "warm": None,
    "held": None,
    "stopped": {},
    "closed": None,
    "scaled": {},
    "maintenance": None,
    "held_back": [],
}
"""The rows of a host without jobs, warm copies and orders."""


def told(said: dict[str, Any], recorded: tuple[str, ...] = ("a", "b")) -> dict[str, Any]:
    heard: dict[str, HostFacts | None] = {name: None for name, value in said.items() if value is None}
    heard |= facts({name: value for name, value in said.items() if value is not None})
    made = status("production", heard, recorded)
    SCHEMA.validate(made)
    return made


def test_a_fleet_that_agrees() -> None:
    made = told(serving(WANTED, [release(1), release(2)]))
    assert made == {
        "environment": "production",
        "agrees": True,
        "release": release(2).digest,
        "deployment": "2-abcdef",
        "hosts": [
            {
                "host": name,
                "reachable": True,
                "release": release(2).digest,
                "commit": release(2).source.commit,
                "version": "1.2",
                "generation": 2,
                "state": "live",
                "processes": [{"name": "web", "instance": i, "healthy": True, "release": release(2).digest} for i in (1, 2)],
                **PLAIN,
                "notifications": {"waiting": 0, "failed": 0, "last_error": None},
            }
            for name in ("a", "b")
        ],
    }


@pytest.mark.parametrize(
    ("change", "agrees", "state"),
    [
        ({}, True, "live"),
        ({"drift": ["app.py is changed"]}, True, "drifted"),
        ({"processes": []}, True, "drifted"),
        ({"supervisor": {"running": False}}, True, "drifted"),
    ],
)
def test_drift_is_a_state_of_its_host_and_no_disagreement(change: dict[str, Any], agrees: bool, state: str) -> None:
    said = serving(WANTED, [release(1)])
    said["b"] = changed(said["b"], **change)
    made = told(said)
    assert made["agrees"] is agrees and made["hosts"][1]["state"] == state and made["hosts"][0]["state"] == "live"


HELD = {"deployment": "2-abcdef", "seconds": 60, "waits": True, "point": "main-1", "bound_seconds": 90.0, "tries": 2, "why": "no room"}


def test_requests_that_wait_are_said_with_the_data_that_cannot_be_put_back_yet() -> None:
    said = serving(WANTED, [release(1), release(2)])
    attempts = said["a"]["member"]["attempts"]
    said["a"]["member"]["attempts"] = [*attempts[:-1], {**attempts[-1], "stage": "restoring"}]
    said["a"]["member"]["held"] = HELD
    made = told(said)
    assert made["agrees"] is False
    assert made["hosts"][0]["state"] == "undecided"
    assert made["hosts"][0]["held"] == {"deployment": "2-abcdef", "seconds": 60, "point": "main-1", "why": "no room"}
    lines = "\n".join(status_text(made, facts(said), {}))
    assert "a: requests wait until deployment 2-abcdef is decided, each at most 60 s; this host never goes back alone" in lines
    assert "held: the restore point main-1 could not be put back: no room; it is tried again (so far 2 times)" in lines
    said["a"]["member"]["held"] = {**HELD, "point": "", "why": "", "waits": False}
    assert "workers and periodic jobs rest for deployment 2-abcdef" in "\n".join(status_text(told(said), facts(said), {}))


def test_a_process_that_does_not_run_is_listed_as_such() -> None:
    said = serving(WANTED, [release(1)])
    said["b"]["processes"][1] |= {"state": "crashed", "healthy": False}
    del said["a"]["processes"][0]
    made = told(said)
    assert made["hosts"][0]["processes"][0] == {"name": "web", "instance": 1, "healthy": False, "release": None}
    assert made["hosts"][1]["processes"][1] == {"name": "web", "instance": 2, "healthy": False, "release": None}


def test_two_releases_are_no_agreement_and_no_release_is_named() -> None:
    said = serving(WANTED, [release(1), release(2)])
    said["a"] = serving(WANTED, [release(1)])["a"]
    made = told(said)
    assert made["agrees"] is False and made["release"] is None and made["deployment"] is None
    assert [host["version"] for host in made["hosts"]] == ["1.1", "1.2"]


def test_a_host_that_cannot_be_read_is_no_agreement() -> None:
    made = told({**serving(WANTED, [release(1)]), "b": None})
    assert made["agrees"] is False and made["release"] is None
    assert made["hosts"][1] == {
        "host": "b",
        "reachable": False,
        "release": None,
        "commit": None,
        "version": None,
        "generation": None,
        "state": "unreachable",
        "processes": [],
        **PLAIN,
        "notifications": None,
    }


RUN = {"for": 1789959600.0, "began": 1789959600.4, "generation": 1}
JOB = {"name": "nightly", "schedule": "0 3 * * *", "timezone": "UTC", "next": 1790046000.0, "overdue": 0, "skipped": 0}
DONE = {**RUN, "ended": 1789959612.9, "state": "done", "exit": 0, "lines": ["\x1b[2J3 files"]}


@pytest.mark.parametrize(
    ("job", "line"),
    [
        (
            {**JOB, "running": None, "last": DONE},
            "job nightly: the run of 2026-09-21 03:00 UTC ended well after 12.5 s; next 2026-09-22 03:00 UTC",
        ),
        (
            {**JOB, "running": None, "last": {**DONE, "state": "failed", "exit": 3}},
            "job nightly: the run of 2026-09-21 03:00 UTC failed (exit 3) after 12.5 s; next 2026-09-22 03:00 UTC",
        ),
        (
            {**JOB, "running": RUN, "last": None, "skipped": 2},
            "job nightly: runs since 2026-09-21 03:00 UTC, in generation 1; left out 2 times while it still ran; next 2026-09-22 03:00 UTC",
        ),
        ({**JOB, "next": None, "running": None, "last": None}, "job nightly: not due before its deployment is decided"),
        ({"name": "old", "overdue": 0, "skipped": 0, "running": RUN}, "job old: runs since 2026-09-21 03:00 UTC, in generation 1"),
    ],
)
def test_a_job_tells_its_last_run_and_its_next(job: dict[str, Any], line: str) -> None:
    said = serving(WANTED, [release(1)])
    said["a"] = changed(said["a"], jobs=[job])
    made = told(said)
    (as_object,) = made["hosts"][0]["jobs"]
    assert as_object["name"] == job["name"]
    if job.get("last"):
        assert as_object["last"]["for"] == "2026-09-21T03:00:00+00:00"
        assert (as_object["last"]["seconds"], as_object["last"]["lines"]) == (12.5, ["3 files"])
    assert status_text(made, facts(said))[-1] == f"a: {line}"


def test_what_is_warm_takes_no_part_and_is_told_with_the_seconds_that_are_left() -> None:
    said = serving(WANTED, [release(1), release(2)])
    for name, host in said.items():
        host["member"]["warm"] = {"generation": 1, "until": 600.0}
        host["hello"] = {**fresh(name)["hello"], "boot_now": 477.75}
        host["processes"].append({**host["processes"][0], "generation": 1})
    made = told(said)
    assert made["agrees"] and {host["state"] for host in made["hosts"]} == {"live"}
    assert [len(host["processes"]) for host in made["hosts"]] == [2, 2]
    assert made["hosts"][0]["warm"] == {"generation": 1, "seconds_left": 122.2}
    assert "a: web.1 of generation 1 stays warm for 122 s more: a rollback to it starts nothing" in status_text(made, facts(said))
    said["b"]["hello"]["boot_now"] = 601.0
    assert told(said)["hosts"][1]["warm"] is None, "its time is over, whether the host has noticed or not"


def test_a_recorded_member_that_nobody_asks_is_named() -> None:
    said = serving(WANTED, [release(1)])
    made = told({"a": said["a"]})
    assert made["agrees"] is False and made["hosts"][1]["state"] == "unconfigured"


def test_a_host_that_was_just_added_does_not_disturb_the_members() -> None:
    said = serving(WANTED, [release(1)], only=["a"])
    made = told(said, recorded=("a",))
    assert made["agrees"] is True and made["release"] == release(1).digest and made["hosts"][1]["state"] == "empty"


def test_an_open_deployment_is_undecided_and_its_processes_are_told_of_their_own_release() -> None:
    said = serving(WANTED, [release(1), release(2)])
    for name in said:
        said[name]["member"]["attempts"][-1]["stage"] = "switched"
        said[name]["processes"].append({**said[name]["processes"][0], "generation": 1})
        said[name]["processes"].append({**said[name]["processes"][0], "generation": 1, "instance": 2, "state": "draining"})
    made = told(said)
    assert made["agrees"] is False and {host["state"] for host in made["hosts"]} == {"undecided"}
    assert [p["release"][:2] for p in made["hosts"][0]["processes"]] == ["2d", "2d", "1d"], "what drains takes no part any more"


def test_nothing_anywhere_is_an_agreement_about_nothing() -> None:
    made = told({"a": fresh("a"), "b": fresh("b")}, recorded=())
    assert made["agrees"] is True and made["release"] is None and {host["state"] for host in made["hosts"]} == {"empty"}


def test_the_text_names_what_is_wrong_what_goes_on_and_what_happens_if_left_alone() -> None:
    said = serving(WANTED, [release(1), release(2)])
    said["a"]["doing"] = {
        "deployment": "3-x",
        "stage": "switched",
        "owner": "bob@\x1b[31mdesk",
        "held_seconds": 10.0,
        "left_seconds": 20.0,
        "heard_seconds": 4.0,
        "decides_seconds": 50.0,
        "step": {"key": "prove", "title": "prove what serves", "phase": "verify", "wave": "verify", "state": "intent", "seconds": 3.0},
    }
    said["a"]["member"]["attempts"].append({**said["a"]["member"]["attempts"][-1], "deployment": "3-x", "stage": "switched", "base": 1})
    said["b"]["drift"] = ["app.py\x1b[2J is changed"]
    said["b"]["draining"] = [{"generation": 1, "name": "web", "instance": 1, "state": "draining", "seconds_left": 1100.0}]
    heard: dict[str, HostFacts | None] = {**facts(said), "c": None}
    lines = status_text(status("production", heard, ("a", "b")), heard, {"c": "no route to host"})
    assert lines == [
        "production serves 1.2, release 2ddddddddddd, deployment 2-abcdef, not decided yet",
        "",
        "host  state        version  release       generation  processes",
        "a     undecided    1.2      2ddddddddddd  2           2 of 2 healthy",
        "b     drifted      1.2      2ddddddddddd  2           2 of 2 healthy",
        "c     unreachable  -        -             -           -",
        "",
        "c: no route to host",
        "b: app.py is changed",
        "a: deployment 3-x of bob@desk, since 10 s, in phase verify, 'prove what serves' runs for 3 s; its lease runs out in 20 s",
        "a: its driver was heard 4 s ago; without it this host decides by itself within 50 s",
        "a: deployment 3-x is switched and not decided; this host goes back to generation 1 by itself unless it is confirmed",
        "b: web.1 of generation 1 still finishes (draining), at most 1100 s more",
    ]
    assert drift(heard) == {"b": ("app.py\x1b[2J is changed",)}


def test_every_state_is_explained() -> None:
    assert set(STATES) == {"live", "stopped", "drifted", "behind", "undecided", "empty", "unreachable", "unconfigured"}


def test_a_step_that_still_runs_is_told() -> None:
    said = serving(WANTED, [release(1)])
    said["a"]["busy"] = [{"deployment": "2-x", "key": "task:install", "since": 1.0}]
    heard: dict[str, HostFacts | None] = {**facts(said)}
    assert status_text(status("production", heard, ("a", "b")), heard)[-1] == "a: step task:install of 2-x runs"


def test_what_was_prepared_and_serves_nowhere_is_listed() -> None:
    said = serving(WANTED, [release(1)])
    said["a"]["releases"].append(release(2).digest)
    document = {**said["a"]["member"]["attempts"][-1]["document"], "release": release(2).digest, "version": "1.2"}
    said["a"]["member"]["attempts"].append(
        {**said["a"]["member"]["attempts"][-1], "deployment": "2-x", "fence": 2, "stage": "discarded", "document": document}
    )
    heard: dict[str, HostFacts | None] = {**facts(said)}
    assert status_text(status("production", heard, ("a", "b")), heard)[-1] == f"a: 1.2 is prepared (release {release(2).digest[:12]})"


def test_tasks_that_a_dead_driver_left_are_told_with_what_becomes_of_them() -> None:
    said = serving(WANTED, [release(1)])
    left = {"deployment": "2-abcdef", "number": 2, "timeout_seconds": 9.0}
    said["a"]["left"] = [
        {**left, "task": "migrate", "state": "done", "undo": True},
        {**left, "task": "announce", "state": "failed", "undo": False},
        {**left, "task": "warm", "state": "unknown", "undo": False},
        {**left, "task": "late", "state": "running", "undo": True},
    ]
    text = status_text(told(said), dict(facts(said)))
    assert text[-3:] == [
        "a: migrate of 2-abcdef ran here and was not undone; the next command undoes it",
        "a: announce of 2-abcdef ran here and was not undone; the next command names it",
        "a: warm of 2-abcdef began here, and nobody saw how it ended; the next command names it",
    ]


def test_what_is_stopped_scaled_or_under_maintenance_is_said_with_since_when_and_by_whom() -> None:
    said = serving(WANTED, [release(1)])
    order = {"since": 1790000000.0, "who": "bob@desk"}
    for host in said.values():
        document = host["generations"]["1"]
        document["processes"] = [{**process, "instances": 0} for process in document["processes"]]
        document |= {"stopped": {"web": {"instances": 2, **order}}, "closed": order, "scaled": {"web": {"instances": 2, "file": 1}}}
        document["maintenance"] = {"how": "hold", "hold_seconds": 60, "message": "", "page": None, **order}
        host["processes"] = []
    heard: dict[str, HostFacts | None] = {**facts(said)}
    made = status("production", heard, ("a", "b"))
    assert {host["state"] for host in made["hosts"]} == {"stopped"} and made["agrees"]
    assert made["hosts"][0]["scaled"] == {"web": {"instances": 2, "file": 1}} and made["hosts"][0]["closed"] == order
    text = "\n".join(status_text(made, heard))
    assert "a: stopped since 2026-09-21 14:13:20 UTC by bob@desk: visitors get a page with 503; shipway start brings back web × 2" in text
    assert "a: web is scaled to 2; shipway.toml says 1" in text
    assert "a: maintenance is on since 2026-09-21 14:13:20 UTC by bob@desk: requests are held, each for at most 60 s" in text
