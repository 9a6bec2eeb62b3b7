"""One host: each thing that can be wrong is one finding with the command that mends it, and a host that is well has none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shipway.model.finding import Examined, Finding, Orphan, Stray
from shipway.plan.checks.host import Asked, host_findings
from shipway.plan.facts import read_facts
from tests.plan.fleet import changed, fresh, intent, release, serving

ONE = intent(("a",))
LIVE = serving(ONE, [release(1)])["a"]
LINE = "@reboot /usr/bin/python3 agent/current.pyz supervise >/dev/null 2>&1"
WELL = changed(LIVE, hello={"after_reboot": True, "reboot_means": "systemd", "reboot_line": LINE})
BOX = {"targets": 1, "waiting": 0, "failed": 0, "tries": 0, "last_error": None}
DOING = {"deployment": "2-x", "stage": "leased", "owner": "ann@laptop", "held_seconds": 12.0, "left_seconds": 20.0, "heard_seconds": 1.0}


def findings(said: dict[str, Any], examined: Examined = Examined(listen=":8080"), *, local: bool = False) -> list[Finding]:
    host = replace(ONE.environment.hosts[0], address="local") if local else ONE.environment.hosts[0]
    return list(host_findings(Asked(ONE, host, read_facts("a", said), examined, release(1))))


def bad(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.check, finding.severity) for finding in found if finding.severity != "ok"]


def process(**parts: Any) -> dict[str, Any]:
    return changed(WELL, processes=[{**WELL["processes"][0], **parts}])


def test_a_host_that_is_well_says_what_was_looked_at() -> None:
    found = findings(WELL)
    assert bad(found) == []
    assert [finding.check for finding in found] == ["agent", "disk", "serves", "listen", "reboot", "clock"]
    assert found[2].what == "serves 1.1, generation 1, 1 copy up and healthy; files and journal are as recorded"


RUN = {"for": 1.0, "began": 1.0, "ended": 2.0, "generation": 1, "exit": 0, "state": "done", "lines": ["one", "two", "three", "four"]}
JOB = {"name": "nightly", "schedule": "0 3 * * *", "timezone": "UTC", "next": 9.0, "overdue": 0, "skipped": 0, "running": None, "last": RUN}


@pytest.mark.parametrize(
    ("job", "severity", "what"),
    [
        (JOB, "ok", "job nightly ended well"),
        ({**JOB, "last": None, "overdue": 1}, "ok", "job nightly has not run yet"),
        ({**JOB, "last": {**RUN, "state": "failed", "exit": 3}}, "wrong", "job nightly failed (exit 3)"),
        ({**JOB, "last": {**RUN, "state": "timeout", "exit": None}}, "wrong", "job nightly did not end in time"),
        ({**JOB, "last": {**RUN, "state": "lost", "exit": None}}, "wrong", "job nightly was lost: nobody saw how it ended"),
        ({**JOB, "overdue": 2}, "wrong", "job nightly was due twice or more (0 3 * * * UTC) and has not run"),
        ({**JOB, "overdue": 2, "skipped": 2, "running": RUN}, "note", "job nightly was due 2 times while it still ran"),
    ],
)
def test_a_job_that_failed_or_does_not_run_is_wrong(job: dict[str, Any], severity: str, what: str) -> None:
    (found,) = [one for one in findings(changed(WELL, jobs=[job])) if one.check == "job"]
    assert (found.severity, found.what) == (severity, what)
    if "failed" in what:
        assert found.why == ("two", "three", "four")
        assert found.next == "shipway logs production --host a --process nightly says why"


def test_what_only_a_supervisor_starts_needs_a_supervisor_first() -> None:
    found = findings(changed(WELL, supervisor={"running": False}, proxy={"running": False}))
    assert bad(found) == [("supervisor", "wrong"), ("proxy", "wrong")]
    assert {finding.next.split(" starts")[0] for finding in found if finding.severity == "wrong"} == {"shipway doctor production --fix"}
    assert "listen" not in [finding.check for finding in found], "that nothing listens is said once"


def test_a_host_on_which_nothing_was_deployed_is_well() -> None:
    found = findings(fresh("a"))
    assert bad(found) == []
    assert "nothing listens yet, and its proxy may at :8080" in [finding.what for finding in found]


@pytest.mark.parametrize(
    ("said", "expected", "next"),
    [
        (changed(WELL, supervisor={"running": False}), ("supervisor", "wrong"), "shipway doctor production --fix"),
        (process(state="crashed", healthy=False, exit=1), ("process", "wrong"), "shipway logs production --host a"),
        (process(healthy=False), ("process", "wrong"), "shipway logs production --host a"),
        (process(restarts=3, exit=1), ("process", "note"), "shipway logs production --host a --process web"),
        (changed(WELL, proxy={"running": False}), ("proxy", "wrong"), "shipway deploy production"),
        (changed(WELL, drift=["app.py: changed"]), ("file", "wrong"), "shipway deploy production"),
        (
            changed(WELL, drift=["event 3 is not what was written"], unsound="event 3 is not what was written"),
            ("journal", "wrong"),
            "shipway doctor production --fix",
        ),
        (changed(WELL, link=None), ("record", "wrong"), "shipway deploy production"),
        (changed(WELL, releases=[]), ("release", "wrong"), "shipway deploy production"),
        (changed(WELL, disk={"free_bytes": 1000}), ("disk-full", "wrong"), "shipway doctor production"),
        (changed(WELL, disk={"free_inodes": 3}), ("disk-full", "wrong"), "shipway doctor production"),
        (changed(WELL, hello={"python": "3.8.2"}), ("python", "wrong"), "install a newer python3"),
        (changed(WELL, hello={"why_not": "/proc is not mounted"}), ("host", "wrong"), "shipway doctor production"),
        (changed(WELL, member={"name": "b"}), ("root-taken", "wrong"), "a root of its own"),
        (changed(WELL, hello={"after_reboot": False}), ("reboot", "wrong"), "shipway doctor production --fix"),
        (
            changed(WELL, hello={"after_reboot": False, "reboot_means": ""}),
            ("reboot", "note"),
            "/usr/bin/python3 agent/current.pyz supervise",
        ),
        (changed(WELL, doing=DOING), ("lease", "note"), "shipway attach production"),
        (changed(WELL, busy=[{"deployment": "2-x", "key": "task:t", "since": 1.0}]), ("step", "note"), "timeout"),
        (changed(WELL, left=[{"deployment": "2-x", "task": "t", "state": "done", "undo": True}]), ("task", "note"), "shipway resume"),
        (changed(WELL, notifications={**BOX, "waiting": 2}), ("notifications", "note"), "by itself"),
        (changed(WELL, notifications={**BOX, "waiting": 1, "tries": 4, "last_error": "404"}), ("notifications", "wrong"), "shipway deploy"),
        (changed(WELL, notifications={**BOX, "failed": 1}), ("notifications", "wrong"), "shipway deploy production"),
        (changed(WELL, cannot_ask="nobody answers at 10.0.0.1:7000"), ("peer", "note"), "`peer` of a"),
    ],
)
def test_what_a_host_says_of_itself(said: dict[str, Any], expected: tuple[str, str], next: str) -> None:
    found = findings(said)
    assert bad(found) == [expected]
    (one,) = [finding for finding in found if finding.severity != "ok"]
    assert one.host == "a" and next in one.next
    assert (
        "serves" not in [finding.check for finding in found] or one.check not in ("file", "process", "supervisor") or one.severity == "note"
    )


@pytest.mark.parametrize(
    ("examined", "expected", "says"),
    [
        (Examined(listen=":8080", listen_fault="process 7 (nginx) does"), ("listen", "wrong"), "requests cannot come in at :8080"),
        (Examined(skew_seconds=4.9), None, ""),
        (Examined(skew_seconds=-7.0), ("clock", "note"), "7 s behind"),
        (Examined(skew_seconds=3600.0), ("clock", "wrong"), "3,600 s ahead of"),
        (Examined(strays=(Stray(4711, "web.1", 3),)), ("stray", "wrong"), "process 4711 runs and belongs to nothing"),
        (Examined(orphans=(Orphan("2-x", "migrate", 40.0),)), ("orphan", "note"), "migrate of 2-x runs on"),
    ],
)
def test_what_it_is_asked_beside_that(examined: Examined, expected: tuple[str, str] | None, says: str) -> None:
    found = findings(WELL, examined)
    assert bad(found) == ([expected] if expected else [])
    assert any(says in finding.what for finding in found)
    assert all(finding.next for finding in found if finding.severity != "ok")


def test_a_port_that_only_root_may_have_is_freed_by_setup() -> None:
    fault = "this user may not listen at :80: ports below 1024 are reserved"
    (one,) = [finding for finding in findings(WELL, Examined(listen=":80", listen_fault=fault)) if finding.severity == "wrong"]
    assert one.next.startswith("shipway setup production")


def test_the_operators_own_crontab_is_his_own() -> None:
    found = findings(changed(WELL, hello={"after_reboot": False}), local=True)
    assert bad(found) == [("reboot", "note")]
    assert any(LINE in finding.next for finding in found)
