"""What is wanted against what each host's live generation has, by salted digests: no value of a host is needed."""

from __future__ import annotations

from dataclasses import replace

from shipway.model.intent import Process
from shipway.model.setting import Setting
from shipway.plan.settings import compared
from tests.plan.fleet import facts, host, intent, release, serving

WEB = Process("web", "serve", listens="port", env={"W": "1"}, roles=("web",))


def test_every_state_of_a_variable() -> None:
    live = intent(env={"SAME": "1", "CHANGED": "1", "GONE": "1", "LOCKED": "1"}, processes=(WEB,))
    now = intent(env={"SAME": "1", "CHANGED": "2", "NEW": "1", "LOCKED": "1"}, processes=(WEB,))
    values = {"SAME": "1", "CHANGED": "2", "NEW": "1", "process.web.W": "1"}
    settings = [Setting(name, "", "shipway.toml:1", secret=name == "LOCKED") for name in ("SAME", "CHANGED", "NEW", "LOCKED", "PATH")]
    settings.append(Setting("W", "process.web", "shipway.toml:9", "1"))
    found = compared(now, settings, values, facts(serving(live, [release(1)])))
    assert {setting.place: dict(setting.live) for setting in found} == {
        "SAME": {"a": "same", "b": "same"},
        "CHANGED": {"a": "changed", "b": "changed"},
        "NEW": {"a": "absent", "b": "absent"},
        "LOCKED": {"a": "unknown", "b": "unknown"},
        "PATH": {},
        "process.web.W": {"a": "same", "b": "same"},
        "GONE": {"a": "extra", "b": "extra"},
    }


def test_a_host_that_does_not_run_a_process_lacks_nothing_of_it() -> None:
    one = intent(processes=(WEB,))
    roles = replace(one, environment=replace(one.environment, hosts=(host("a", ["web"]), host("b", ["db"]))))
    found = compared(
        roles, [Setting("W", "process.web", "shipway.toml:9", "1")], {"process.web.W": "1"}, facts(serving(roles, [release(1)]))
    )
    assert [dict(setting.live) for setting in found] == [{"a": "same"}]


def test_a_fleet_that_serves_nothing_yet_has_none() -> None:
    one = intent(env={"A": "1"})
    found = compared(one, [Setting("A", "", "shipway.toml:3", "1")], {"A": "1"}, facts(serving(one, [], only=())))
    assert [dict(setting.live) for setting in found] == [{"a": "absent", "b": "absent"}]
