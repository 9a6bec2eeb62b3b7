"""History from two sides: what a driver here told, and what hosts remember when the driver died or ran elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from shipway.ledger.history import Journal, find, history, records_of_commands, records_of_driver, records_of_hosts
from shipway.model.event import Event
from shipway.model.facts import Attempt
from shipway_agent import decide
from tests.reports.story import START, live, undone

DOCUMENT = {
    "kind": "deploy",
    "app": "shop",
    "environment": "production",
    "release": "2" + "d" * 63,
    "commit": "2" + "c" * 39,
    "version": "1.2",
    "who": "ann@laptop",
    "number": 7,
    "before": 6,
}


class Host:
    """A host's journal as the agent writes it: the real rules of decision, and its events."""

    def __init__(self, name: str) -> None:
        self.member = decide.Member(name)
        self.events: list[dict[str, Any]] = []

    def hears(self, at: float, do: str, **more: Any) -> None:
        message = {"do": do, "deployment": "7-abc123", "fence": 7, **more}
        self.member, reply = decide.handle(self.member, message, at)
        assert reply["ok"], reply
        data = {"message": message, "reply": reply}
        event = {"seq": len(self.events) + 1, "at": START + at, "deployment": "7-abc123", "kind": "member", "data": data}
        self.events.append(event)

    @property
    def journal(self) -> Journal:
        attempts = [Attempt(a.deployment, a.fence, a.stage, a.lead, a.members, document=a.document) for a in self.member.attempts]
        return Journal(self.member.name, self.events, attempts)


def host(name: str, until: str = "", **document: Any) -> Host:
    """A host on the way to a commit that has heard everything up to `until`."""
    made = Host(name)
    lease = {"owner": "ann@laptop", "seconds": 30.0, "lead": "a", "members": ["a", "b"], "confirm_seconds": 60.0}
    made.hears(1.0, "lease", **lease, document={**DOCUMENT, **document})
    for i, do in enumerate(("vote", "start", "ready", "arm", "switched")):
        if do == until:
            break
        made.hears(2.0 + i, do)
    return made


def test_a_deployment_as_its_driver_told_it() -> None:
    (record,) = records_of_driver(live())
    assert (record.kind, record.environment, record.version, record.who) == ("deploy", "production", "1.2", "ann@laptop")
    assert (record.verdict, record.exit_code, record.generation_before, record.generation_after) == ("live", 0, 6, 7)
    assert record.began == START + 0.1 and record.ended == START + 10.0
    b = record.hosts["b"]
    assert b["decision"] == "committed" and b["probes"][0]["ok"] and b["switched_seconds"] == 0.002
    assert [step["key"] for step in b["steps"]] == ["tree", "task:install", "member:vote", "start", "switch", "prove"]


def test_newest_first_whichever_way_they_ended() -> None:
    found = history([*live(), *undone("8-def456", START + 60)], environment="production")
    assert [(r.deployment, r.verdict) for r in found.records] == [("8-def456", "undone"), ("7-abc123", "live")]
    assert [r.deployment for r in history([*live(), *undone("8-def456", START + 60)], limit=1).records] == ["8-def456"]


def test_a_refused_attempt_is_remembered_in_its_own_environment() -> None:
    ending = {"verdict": "refused", "exit_code": 3, "message": "dirty", "hint": "commit", "seconds": 0.1}
    refused = [Event("ended", START, "try-1", "", {**ending, "kind": "deploy", "environment": "staging", "who": "ann@laptop"})]
    (record,) = history(refused, environment="staging").records
    assert (record.kind, record.environment, record.who, record.verdict) == ("deploy", "staging", "ann@laptop", "refused")
    assert history(refused, environment="production").records == ()


def test_a_refused_attempt_of_an_elder_driver_is_remembered_in_every_environment() -> None:
    ending = {"verdict": "refused", "exit_code": 3, "message": "dirty", "hint": "commit", "seconds": 0.1}
    refused = [Event("ended", START, "refused-1", "", ending)]
    (record,) = history(refused, environment="production").records
    assert record.verdict == "refused" and record.exit_code == 3 and record.environment == ""


@pytest.mark.parametrize(("decision", "verdict"), [("commit", "live"), ("undo", "undone"), ("", "interrupted")])
def test_what_hosts_remember_when_nobody_else_does(decision: str, verdict: str) -> None:
    a, b = host("a"), host("b")
    if decision:
        a.hears(9.0, decision)
        b.hears(9.5, "tell", decision={"commit": "committed", "undo": "reverted"}[decision])
    (record,) = records_of_hosts([a.journal, b.journal])
    assert (record.deployment, record.verdict, record.version, record.who) == ("7-abc123", verdict, "1.2", "ann@laptop")
    assert (record.generation_before, record.generation_after, record.began) == (6, 7, START + 1.0)
    assert record.ended == (START + 9.5 if decision else None)


def test_a_decision_that_a_host_made_by_itself_is_known_from_its_record() -> None:
    a = host("a")
    a.member, _ = decide.handle(a.member, {"do": "tick"}, 500.0)
    (record,) = records_of_hosts([a.journal])
    assert record.verdict == "undone"


def test_a_driver_that_died_is_completed_by_the_hosts() -> None:
    a = host("a")
    a.hears(9.0, "commit")
    cut = [event for event in live() if event.at < START + 6]
    (record,) = history(cut, [a.journal]).records
    assert record.verdict == "live" and record.ended == START + 9.0
    assert [step["key"] for step in record.hosts["a"]["steps"]][-1] == "switch", "its own steps are kept"
    (alone,) = history(cut).records
    assert alone.verdict == "interrupted" and alone.exit_code is None


def test_every_cut_of_a_story_gives_one_record_that_never_claims_more_than_was_told() -> None:
    whole = live()
    for i in range(1, len(whole)):
        (record,) = history(whole[:i]).records
        assert record.verdict == "interrupted"
    assert history(whole).records[0].verdict == "live"


def test_a_preparation_that_was_finished_is_prepared() -> None:
    a = host("a", until="start", kind="prepare")
    a.hears(9.0, "finish")
    assert records_of_hosts([a.journal])[0].verdict == "prepared"


def test_a_decision_about_a_deployment_that_nobody_leased_is_no_deployment() -> None:
    a = Host("a")
    a.hears(1.0, "tell", decision="reverted")
    assert records_of_hosts([a.journal]) == ()


def test_a_deployment_is_found_by_id_its_beginning_its_generation_or_as_the_last() -> None:
    records = history([*live(), *live("70-fff", START - 60), *undone("8-def456", START + 60)])
    assert [r.deployment for r in find(records, "@last")] == ["8-def456"]
    assert [r.deployment for r in find(records, "7-abc123")] == ["7-abc123"]
    assert [r.deployment for r in find(records, "8-")] == ["8-def456"]
    assert len(find(records, "7")) > 1, "several are meant, and the caller names them"
    assert find(records, "nothing") == ()


def test_work_that_belongs_to_a_release_and_refused_messages_are_no_deployments() -> None:
    a = host("a", until="vote")
    late = {"message": {"do": "arm"}, "reply": {"ok": False, "code": "order"}}
    a.events.append({"seq": 9, "at": START + 3, "deployment": "7-abc123", "kind": "member", "data": late})
    a.events.append({"seq": 10, "at": START + 4, "deployment": "7-abc123", "kind": "step", "data": {"key": "tree", "state": "done"}})
    a.events.append({"seq": 11, "at": START + 5, "deployment": "release:2ddd", "kind": "step", "data": {"key": "task", "state": "done"}})
    (record,) = records_of_hosts([a.journal])
    assert record.deployment == "7-abc123" and record.verdict == "interrupted"


def ran(seq: int, kind: str, **data: Any) -> dict[str, Any]:
    return {"seq": seq, "at": START + seq, "deployment": "", "kind": kind, "data": data}


def test_commands_that_were_run_are_remembered_with_program_host_and_ending() -> None:
    events = [
        ran(1, "exec", id="0123456789abcdef", program="ls", who="bob@desk", generation=7),
        ran(2, "exec ended", id="0123456789abcdef", exit=-9),
        ran(3, "exec", id="fedcba9876543210", program="bash", who="ann@laptop", generation=7),
    ]
    ended, lasting = records_of_commands([Journal("a", events)], "production")
    assert (ended.kind, ended.what, ended.who, ended.verdict, ended.exit_code) == ("exec", "ls on a, exit 137", "bob@desk", "ended", 137)
    assert (lasting.what, lasting.verdict, lasting.ended) == ("bash on a", "interrupted", None)
    all_of_them = history(live(), [Journal("a", events)], environment="production")
    assert find(all_of_them, "@last")[0].deployment == "7-abc123", "a command is no deployment"
    assert [record.kind for record in find(all_of_them, ended.deployment)] == ["exec"]


def test_an_order_is_remembered_by_its_words() -> None:
    order = {"kind": "scale", "what": "scale web 2 → 4"}
    (record,) = records_of_hosts([host("a", **order).journal, host("b", **order).journal])
    assert (record.kind, record.what) == ("scale", "scale web 2 → 4")


RAN = {"key": "migrate:expand", "title": "run", "state": "done", "seconds": 0.1, "answer": {"ran": [["0001_a", 0.1], ["0002_b", 0.1]]}}
HELD = {"key": "migrate:held", "title": "run", "state": "done", "seconds": 0.1, "answer": {"ran": [["0003_c", 0.1]]}}
FAILED = {
    "key": "migrate:expand",
    "title": "run",
    "state": "failed",
    "error": {"code": "migration-failed", "facts": {"ran": [["0001_a", 0.1]]}},
}


@pytest.mark.parametrize(
    ("story", "steps", "wanted"),
    [
        (live, [RAN, HELD], ("0001_a", "0002_b", "0003_c")),
        (undone, [RAN, HELD], ("0001_a", "0002_b")),
        (undone, [FAILED], ("0001_a",)),
    ],
    ids=["live", "undone, held ones go back with the data", "failed behind one that stays"],
)
def test_migrations_are_those_that_ran_and_stay(story: Any, steps: list[dict[str, Any]], wanted: tuple[str, ...]) -> None:
    told = list(story())
    events = [*told[:-1], *(Event("step", START + 3.0, told[0].deployment, "a", step) for step in steps), told[-1]]
    (record,) = records_of_driver(event for event in events if event.deployment)
    assert record.migrations == wanted


def test_hosts_remember_migrations_too() -> None:
    made = host("a")
    made.hears(9.0, "commit")
    said = {"key": "migrate:expand", "state": "done", "seconds": 0.2, "data": {"ran": [["0001_a", 0.1]], "applied": 1}}
    made.events.append({"seq": 99, "at": START + 4.0, "deployment": "7-abc123", "kind": "step", "data": said})
    (record,) = records_of_hosts([made.journal])
    assert (record.verdict, record.migrations) == ("live", ("0001_a",))


def test_an_abort_of_another_machine_is_no_interrupted_one_once_it_settled_what_it_found() -> None:
    aborts = host("a", until="vote", kind="abort")
    step = {"key": "acknowledged:6-abc123", "state": "done", "data": {}}
    aborts.hears(3.0, "finish")
    assert [record.verdict for record in records_of_hosts([aborts.journal])] == ["interrupted"], "its lease alone settles nothing"
    aborts.events.append({"seq": 9, "at": START + 3, "deployment": "7-abc123", "kind": "step", "data": step})
    (record,) = records_of_hosts([aborts.journal])
    assert record.verdict == "undone" and record.ended is not None
