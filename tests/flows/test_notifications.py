"""Secrets get into a plan right before it is carried out, or it is not carried out; and what people hear is what the driver would say."""

from __future__ import annotations

from typing import Any

import pytest

from shipway.execute.conduct import Outcome
from shipway.execute.decision import Ending
from shipway.execute.fleet import Fleet
from shipway.flows.notifications import with_secrets
from shipway.flows.words_of_failure import reason, unacknowledged
from shipway.model.errors import HostError, StepFailed, Unreachable, WrongInput
from shipway.model.facts import Notifications
from shipway.model.intent import Email, Notify, Secret
from shipway.model.plan import Plan, Step
from shipway.plan.deploy import plan_deploy
from shipway.plan.notifications import KEEP
from shipway.plan.rollback import plan_rollback
from shipway.reports.notifications import trouble
from shipway.reports.plan import plan_json, plan_text
from shipway.transports import transport_for
from shipway_agent.notifications import targets
from tests.plan.fleet import CADDIES, KEY, WHO, facts, host, intent, release, serving

CHAT = Notify(webhook=Secret(variable="CHAT_URL"))
MAIL = Notify(email=Email(("ops@shop.example",), "shipway@shop.example", "smtp://shipway@mail.example", Secret(variable="MAIL_PASSWORD")))
LITERAL = Notify(("always",), webhook=Secret(text="https://chat.example/x"))
PAGER = Notify(command=("page", "on-call"))
VALUES = {"CHAT_URL": "https://chat.example/T0/S3CRET", "MAIL_PASSWORD": "S3CRET"}
ARGUMENTS: dict[str, Any] = {"deployment": "9-x", "who": WHO, "number": 9, "caddies": CADDIES, "peer_key": KEY}


def planned(*notify: Notify, known: int = 0) -> Plan:
    said = serving(intent(), [release(1)])
    for one in said.values():
        one["notifications"] = {"targets": known, "waiting": 0, "failed": 0, "tries": 0, "last_error": None}
    return plan_deploy(intent(notify=notify), release(2), facts(said), **ARGUMENTS)


def keeps(plan: Plan) -> list[Step]:
    return [step for wave in plan.waves for todo in wave.steps.values() for step in todo if step.do == KEEP]


def test_a_plan_holds_names_and_what_is_carried_out_holds_values() -> None:
    plan = planned(CHAT, MAIL, LITERAL, PAGER)
    assert "S3CRET" not in repr(plan)
    filled = keeps(with_secrets(plan, VALUES))
    assert len(filled) == 2 and filled[0].args == filled[1].args
    chat, mail, literal, pager = filled[0].args["targets"]
    assert chat == {"kind": "webhook", "on": ["failure"], "url": VALUES["CHAT_URL"]}
    assert mail["password"] == "S3CRET" and mail["to"] == ["ops@shop.example"]
    assert literal == {"kind": "webhook", "on": ["always"], "url": "https://chat.example/x"}
    assert pager == {"kind": "command", "on": ["failure"], "run": ["page", "on-call"]}
    assert [targets.faults(one) for one in filled[0].args["targets"]] == [[]] * 4, "the host takes what the operator sends"
    assert [wave.steps["a"][0].do for wave in plan.waves[:1]] == [KEEP], "so that it can tell what goes wrong in the others"


def test_a_url_that_is_written_in_the_file_is_not_shown_either() -> None:
    shown = [plan_json(planned(LITERAL)), *plan_text(planned(LITERAL), None, arguments=True)]
    assert "keep whom to tell" in str(shown) and "chat.example" not in str(shown)


def test_every_variable_that_cannot_be_used_is_named_without_its_value() -> None:
    with pytest.raises(WrongInput) as raised:
        with_secrets(planned(CHAT, MAIL), {"CHAT_URL": "https://169.254.169.254/S3CRET", "MAIL_PASSWORD": ""})
    assert raised.value.details == (
        "notify[0]: CHAT_URL: may not be a link-local address or one where a cloud answers a machine about itself",
        "notify[1]: MAIL_PASSWORD is not set in your environment",
    )
    assert "S3CRET" not in str(raised.value.__dict__)


def test_nobody_to_tell_is_no_step_unless_somebody_was() -> None:
    assert keeps(planned()) == []
    assert [step.args for step in keeps(planned(known=2))] == [{"targets": []}] * 2


def test_a_rollback_keeps_whom_head_names() -> None:
    said = serving(intent(), [release(1), release(2)])
    plan = plan_rollback(intent(notify=[CHAT]), facts(said), **ARGUMENTS)
    assert len(keeps(plan)) == 2


def fleet() -> Fleet:
    return Fleet([host("a"), host("b")], app="shop", environment="production", transport_for=transport_for)


def test_the_reason_is_what_the_driver_itself_says() -> None:
    failed = {"key": "task:migrate", "code": "task-failed", "message": "ended with 1", "lines": [f"line {n}" for n in range(50)]}
    errors: dict[str, HostError] = {
        "b": StepFailed("b", failed, {"task:migrate": "run migrate"}),
        "a": Unreachable("a", "lost", "no answer"),
    }
    said = reason(Outcome(None, "activated", errors), fleet(), "deploy")
    assert said["host"] == "b" and said["step"] == "run migrate" and said["where"] == "activated"
    assert said["what"] == "ended with 1 (also on a)" and said["lines"] == [f"line {n}" for n in range(30, 50)]
    assert "shipway deploy production" in str(said["next"])


@pytest.mark.parametrize(
    ("kind", "command"), [("deploy", "deploy"), ("repair", "deploy"), ("rollback", "rollback"), ("prepare", "prepare")]
)
def test_the_same_command_again_is_named(kind: str, command: str) -> None:
    assert reason(Outcome(None, "verify", {}, interrupted=True), fleet(), kind) == {
        "what": "interrupted in verify",
        "where": "verify",
        "next": f"shipway {command} production",
    }
    lost = reason(Outcome(None, "verify", {"b": Unreachable("b", "unreachable", "nobody answers")}), fleet(), kind)
    assert f"shipway {command} production" in str(lost["next"]) and lost["what"] == "the link to it is lost: nobody answers"


def test_a_commit_that_is_not_acknowledged_is_told_and_nothing_else_is() -> None:
    said = unacknowledged(Outcome(Ending("committed", {"b": Unreachable("b", "unreachable", "nobody answers")})), "9-x", fleet())
    assert said is not None and said["host"] == "b" and said["next"] == "shipway resume production"
    assert "9-x is committed, but b has not acknowledged it" in str(said["what"])
    assert unacknowledged(Outcome(Ending("committed")), "9-x", fleet()) is None
    assert unacknowledged(Outcome(Ending("reverted", {"b": Unreachable("b", "unreachable", "x")})), "9-x", fleet()) is None
    assert unacknowledged(Outcome(None), "9-x", fleet()) is None


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (Notifications(2), ""),
        (Notifications(2, waiting=1), "1 notification is not sent yet"),
        (
            Notifications(2, waiting=2, tries=1, last_error="webhook 1: it answers 500"),
            "2 notifications are not sent yet after 1 try (webhook 1: it answers 500); the host goes on for a day",
        ),
        (
            Notifications(2, failed=1, tries=150, last_error="webhook 1: it answers 500"),
            "1 notification is given up (webhook 1: it answers 500)",
        ),
        (Notifications(0, last_error="/srv/x: damaged"), "notifications cannot be sent from here (/srv/x: damaged)"),
    ],
)
def test_what_a_person_hears_of_an_outbox(box: Notifications, words: str) -> None:
    assert trouble(box) == words
