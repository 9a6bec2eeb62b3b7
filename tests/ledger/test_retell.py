"""What a driver told is told again from the journals that its hosts kept: written here by the agent's own journal and rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shipway.ledger.retell import Retelling, retold
from shipway.model.event import Event
from shipway.reports.fold import fold
from shipway_agent.decide import Reply
from shipway_agent.journal import Journal
from shipway_agent.root import Root

D = "7-abc123"
NOW = 1000.0
DOCUMENT = {
    "kind": "deploy",
    "app": "shop",
    "environment": "production",
    "version": "1.2",
    "commit": "c" * 40,
    "release": "r" * 64,
    "before": 6,
}


class Host:
    """One host's journal, and what a driver does to it."""

    def __init__(self, home: Path, name: str) -> None:
        self.name = name
        self.root = Root(str(home / name), create=True)
        self.journal = Journal(self.root)
        self.journal.name_member(name)
        self.boot = NOW

    def decide(self, do: str, **more: Any) -> Reply:
        return self.journal.decide({"do": do, "deployment": D, "fence": 7, **more}, self.boot)

    def lease(self, **more: Any) -> None:
        asked = {"owner": "ann@laptop", "seconds": 30.0, "lead": "a", "members": ["a", "b"], "confirm_seconds": 60.0, "document": DOCUMENT}
        assert self.decide("lease", **{**asked, **more})["ok"]

    def step(self, key: str, phase: str, wave: str, answer: Mapping[str, Any] | None = None, *, failed: bool = False, **more: Any) -> None:
        name = more.pop("under", D)
        about = {"title": f"the step {key}", "phase": phase, "wave": wave}
        decided = phase in ("undo", "finish")
        self.journal.begin_step(name, key, 7, now=self.boot, on_behalf_of=D, about=about, decided=decided)
        of = {"of": D} if name != D else {}
        self.journal.end_step(name, key, "failed" if failed else "done", answer or {}, about={"seconds": 0.5, **of})

    def rows(self) -> list[dict[str, Any]]:
        return self.journal.events()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    both = Host(tmp_path, "a"), Host(tmp_path, "b")
    yield both
    for host in both:
        host.journal.close()


def switched(hosts: tuple[Host, Host]) -> None:
    """Both hosts as far as the proof of the new release."""
    for host in hosts:
        host.lease()
    for host in hosts:
        host.journal.event("shipped", D, {"blobs": 3, "bytes": 900, "sent": 300, "seconds": 0.1})
        host.step("task:install:0123456789abcdef", "prepare", "prepared", {"exit": 0, "skipped": False}, under=f"release:{'r' * 64}")
        host.journal.event("output", D, {"key": "task:install", "lines": ["installing", "installed"]})
        host.decide("vote")
    for host in hosts:
        host.decide("start")
        host.step("start", "start", "ready", {"addresses": {"web": ["127.0.0.1:9001"]}})
        host.decide("ready")
    for host in hosts:
        host.decide("arm")
        host.decide("switched")
        host.step("switch", "switch", "switched", {"base": 6, "seconds": 0.001, "at_boot": 1001.5})
    for host in hosts:
        host.step("prove", "verify", "verify", {"probes": [{"what": "web.1", "ok": True}], "downtime_seconds": 0.0})


def told(hosts: tuple[Host, Host], **offsets: float) -> list[Event]:
    return retold(D, {host.name: host.rows() for host in hosts}, offsets)


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


def test_a_deployment_that_went_live_is_told_as_its_driver_told_it(hosts: tuple[Host, Host]) -> None:
    switched(hosts)
    hosts[0].decide("commit")
    for host in hosts:
        host.decide("tell", decision="committed")
        host.journal.event("visited", D, {"downtime_seconds": 0.25})
    for host in hosts:
        host.step("retire", "finish", "finish", {"draining": [{"generation": 6, "name": "web", "instance": 1, "seconds_left": 15.0}]})
        host.decide("finish")
    events = told(hosts)
    state = fold(events)
    assert state.began["version"] == "1.2" and state.began["who"] == "ann@laptop" and state.began["members"] == ["a", "b"]
    assert [phase.wave for phase in state.phases] == ["ship", "prepared", "ready", "switched", "verify", "finish"]
    assert state.decision == "committed" and [event.host for event in events if event.kind == "decided"] == ["a"]
    for there in state.hosts.values():
        assert [work.key for work in there.steps] == ["task:install", "start", "switch", "prove", "retire"]
        assert [work.title for work in there.steps][1] == "the step start" and all(work.state == "done" for work in there.steps)
        assert list(there.lines) == ["installing", "installed"] and there.shipped is not None and there.shipped.bytes == 900
        assert there.probes[0].ok and there.switched_at_boot == 1001.5
        assert there.decision == "committed" and there.downtime_seconds == 0.25
    assert [(left.host, left.name, left.seconds_left) for left in state.draining] == [("a", "web.1", 15.0), ("b", "web.1", 15.0)]


def test_a_step_that_failed_is_told_with_its_error_and_the_undo_after_it(hosts: tuple[Host, Host]) -> None:
    for host in hosts:
        host.lease()
    hosts[1].step("task:check", "prepare", "prepared", {"code": "task-failed", "message": "exit code 3", "lines": ["no"]}, failed=True)
    hosts[0].decide("undo")
    for host in hosts:
        host.decide("tell", decision="reverted")
    telling = Retelling(D)
    events = [event for host in hosts for row in host.rows() for event in telling.add(host.name, row)]
    failure = fold(events).hosts["b"].failure
    assert failure is not None and failure.error is not None and failure.error["message"] == "exit code 3"
    assert telling.failure is not None and (telling.failure.host, telling.failure.code) == ("b", "task-failed")
    assert telling.decision == "reverted" and telling.told == {"a": "reverted", "b": "reverted"}
    assert "undo" in [event.data["name"] for event in events if event.kind == "phase"]


def test_hosts_that_decide_by_themselves_are_told_too(hosts: tuple[Host, Host]) -> None:
    switched(hosts)
    a, b = hosts
    a.boot = b.boot = NOW + 61
    assert a.journal.decide({"do": "tick"}, a.boot)["ok"]
    assert b.journal.decide({"do": "alone", "deployment": D}, b.boot)["ok"]
    b.journal.event("alone", D, {"why": "nobody answers"})
    b.journal.event("heard", D, {"decision": "reverted"})
    b.decide("tell", decision="reverted", answer=True)
    events = told(hosts)
    state = fold(events)
    assert state.decision == "reverted" and {host.decision for host in state.hosts.values()} == {"reverted"}
    assert state.hosts["b"].went_back == "its deadline passed and the lead was not heard: nobody answers"
    assert state.notes == ["the driver was not heard in time; the hosts decided by themselves"]


def test_data_that_is_put_back_before_a_lead_goes_back_is_said_once_however_often_it_is_asked(hosts: tuple[Host, Host]) -> None:
    a = hosts[0]
    for host in hosts:
        host.lease()
        for do, more in (("vote", {}), ("hold", {"seconds": 30, "waits": True})):
            assert host.decide(do, **more)["ok"]
    assert a.decide("touch", point="main-1", bound_seconds=60.0)["ok"]
    for _ in range(3):
        assert a.decide("undo")["restoring"]["point"] == "main-1"
    assert [row["data"]["message"]["do"] for row in a.rows() if row["kind"] == "member"].count("undo") == 1
    a.decide("restored", point="main-1", note="main is as it was")
    events = told(hosts)
    notes = [event.data["message"] for event in events if event.kind == "note"]
    assert notes == ["it goes back, and before that its restore point is put back"]
    assert [event.data["decision"] for event in events if event.kind == "decided"] == ["reverted"]


def test_what_was_prepared_and_is_discarded_by_itself_is_said(hosts: tuple[Host, Host]) -> None:
    hosts[0].lease()
    hosts[0].journal.decide({"do": "tick"}, NOW + 31)
    assert fold(told(hosts)).notes == ["a: discarded what was prepared, for the driver's lease had run out"]


def test_clocks_that_are_wrong_by_years_tell_one_story(hosts: tuple[Host, Host]) -> None:
    switched(hosts)
    years = 3e8
    crooked = [{**row, "at": row["at"] - years} for row in hosts[1].rows()]
    straight = kinds(told(hosts))
    assert kinds(retold(D, {"a": hosts[0].rows(), "b": crooked}, {"b": years})) == straight
    assert straight[:3] == ["began", "leased", "leased"]


def test_other_deployments_and_rows_that_are_none_are_no_events(hosts: tuple[Host, Host]) -> None:
    hosts[0].lease()
    telling = Retelling("another")
    assert [event for row in hosts[0].rows() for event in telling.add("a", row)] == []
    for row in ({}, {"data": 3}, {"deployment": "another", "data": {}}, {"deployment": "another", "kind": "step", "data": {"key": []}}):
        assert telling.add("a", row) == []
    assert telling.add("a", {"deployment": "another", "kind": "member", "data": {"message": 1, "reply": {"ok": True}}, "at": "x"}) == []
