"""What no host can say alone: members, what is not decided, who is behind; and doctor refuses what plan refuses, in its words."""

from __future__ import annotations

from typing import Any

import pytest

from shipway.model.errors import Refused
from shipway.model.finding import Examined, Finding
from shipway.model.intent import Job
from shipway.plan.checks.fleet import fleet_findings
from shipway.plan.checks.host import Asked, host_findings
from shipway.plan.gates import pass_gates
from tests.plan.fleet import changed, facts, fresh, intent, release, serving

BOTH = intent(("a", "b"))
LIVE = serving(BOTH, [release(1)])
OPEN: dict[str, Any] = {
    "deployment": "2-x",
    "fence": 2,
    "stage": "switched",
    "lead": "a",
    "members": ["a", "b"],
    "confirm_seconds": 60.0,
    "base": 1,
    "deadline": 1060.0,
    "document": {},
}


def found(said: dict[str, Any], wanted: Any = BOTH, *, silent: bool = False, way_out: str = "") -> list[Finding]:
    return list(fleet_findings(wanted, release(1), facts(said), silent=silent, way_out=way_out))


def opened(said: dict[str, Any], **more: Any) -> dict[str, Any]:
    return changed(said, member={"fence": 2, "attempts": [*said["member"]["attempts"], OPEN]}, **more)


def test_a_job_whose_host_has_left_runs_nowhere() -> None:
    said = serving(intent(("a", "b"), jobs=(Job("nightly", "backup", "@daily"),)), [release(1)])
    assert not [finding for finding in found(said) if finding.check == "job"]
    left = {"b": changed(said["b"], member={"left": {"a": 2}})}
    (finding,) = [one for one in found(left, intent(("b",))) if one.check == "job"]
    assert (finding.severity, finding.what) == ("wrong", "job nightly runs nowhere: its host has left")
    assert finding.next == "shipway deploy production gives it to another"


def test_a_fleet_that_agrees() -> None:
    assert [(finding.check, finding.severity) for finding in found(LIVE)] == [("agreement", "ok")]
    assert found({name: fresh(name) for name in ("a", "b")}) == [], "before the first deployment there is nothing to agree on"


def test_a_host_that_serves_an_older_generation_is_behind() -> None:
    two = serving(BOTH, [release(1), release(2)], only=("a",))
    (one,) = found({**two, "b": LIVE["b"]})
    assert (one.check, one.severity, one.host) == ("behind", "wrong", "b")
    assert "shipway deploy production" in one.next


def test_members_and_configuration_are_compared_both_ways() -> None:
    (gone,) = [one for one in found({"a": LIVE["a"]}, intent(("a",))) if one.severity == "wrong"]
    assert gone.check == "member-missing" and "shipway host remove production b" in gone.next
    joining = [one for one in found({**LIVE, "c": fresh("c")}, intent(("a", "b", "c"))) if one.check == "member"]
    assert [(one.host, one.severity) for one in joining] == [("c", "note")]


def test_what_is_not_decided_is_wrong_without_its_driver_and_a_note_with_it() -> None:
    doing = {"deployment": "2-x", "stage": "switched", "owner": "ann@laptop", "held_seconds": 9.0, "decides_seconds": 50.0}
    driven = {name: opened(said, doing={**doing, "left_seconds": 25.0, "heard_seconds": 1.0}) for name, said in LIVE.items()}
    (one,) = [one for one in found(driven) if one.check == "undecided"]
    assert (one.severity, one.next) == ("note", "shipway attach production watches it")
    left = {name: opened(said, doing={**doing, "left_seconds": None, "heard_seconds": 40.0}) for name, said in LIVE.items()}
    (one,) = [one for one in found(left) if one.check == "undecided"]
    assert (one.severity, one.why[:2]) == ("wrong", ("switched on a", "switched on b"))
    others = "(shipway abort production: backward); shipway attach production watches it"
    assert one.next == f"shipway resume production settles it now {others}"
    leased = {name: opened(said, doing={**doing, "left_seconds": 8.0, "heard_seconds": 22.0}) for name, said in LIVE.items()}
    (one,) = [one for one in found(leased) if one.check == "undecided"]
    assert one.next == f"shipway resume production settles it in 8 s, when the lease of its driver has run out {others}"
    (one,) = [one for one in found(left, way_out="shipway abort production --lost a") if one.check == "undecided"]
    assert one.next == "shipway abort production --lost a"


@pytest.mark.parametrize(
    "said",
    [
        {**LIVE, "b": changed(LIVE["b"], disk={"free_bytes": 1000})},
        {**LIVE, "b": changed(LIVE["b"], hello={"python": "3.6.1"})},
        {**LIVE, "a": changed(LIVE["a"], member={"name": "z"})},
        {**LIVE, "a": changed(LIVE["a"], hello={"why_not": "it runs darwin"}), "b": changed(LIVE["b"], disk={"free_inodes": 1})},
    ],
)
def test_doctor_and_plan_never_disagree(said: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        pass_gates(BOTH, release(2), facts(said))
    hosts = [Asked(BOTH, host, facts(said)[host.name], Examined(), release(2)) for host in BOTH.environment.hosts]
    doctor = [*fleet_findings(BOTH, release(2), facts(said), silent=False), *(one for asked in hosts for one in host_findings(asked))]
    wrong = [one.what for one in doctor if one.severity == "wrong"]
    refusals = [line for line in refused.value.details if not line.startswith("  next: ")] or [refused.value.message]
    assert sorted(refusals) == sorted(wrong)
