"""A preparation's plan: the prepare waves of the deployment, word for word, and nothing that a user could see."""

from __future__ import annotations

from shipway.model.intent import Task
from shipway.plan.deploy import plan_deploy
from shipway.plan.prepare import plan_prepare
from tests.plan.fleet import CADDIES, KEY, WHO, changed, facts, fresh, intent, release, serving


def test_a_preparation_is_the_beginning_of_the_deployment() -> None:
    tasks = [Task("install", "install"), Task("compile", "compile", once=True), Task("migrate", "migrate", phase="activate")]
    wanted = intent(("a", "b"), tasks=tasks)
    said = facts(serving(wanted, [release(1)]))
    whole = plan_deploy(wanted, release(2), said, deployment="2-x", who=WHO, number=2, caddies=CADDIES, peer_key=KEY)
    half = plan_prepare(wanted, release(2), said, deployment="2-x", who=WHO, number=2, caddies=CADDIES, peer_key=KEY)
    assert half.waves == tuple(wave for wave in whole.waves if wave.phase == "prepare") and half.waves
    assert not half.switch and not half.verify and not half.undo and half.kind == half.document["kind"] == "prepare"
    assert [step.args["do"] for step in half.finish["a"]] == ["finish"]
    live = plan_prepare(wanted, release(1), said, deployment="2-x", who=WHO, number=2, caddies=CADDIES, peer_key=KEY)
    assert live.nothing_to_do


def test_it_says_all_that_the_deployment_says_but_how_an_undo_would_end() -> None:
    wanted = intent(("undock",), tasks=[Task("migrate", "migrate", phase="activate")])
    said = facts({"undock": changed(fresh("undock"), hello={"reboot_line": "/usr/bin/python3 start"})})
    whole = plan_deploy(wanted, release(1), said, deployment="1-x", who=WHO, number=1, caddies=CADDIES, peer_key=KEY)
    half = plan_prepare(wanted, release(1), said, deployment="1-x", who=WHO, number=1, caddies=CADDIES, peer_key=KEY)
    only_said_by_the_deployment = [
        "undock: nothing is current here yet; an undo leaves nothing current",
        "migrate has no undo: a failure after it is undone without it, and says so",
    ]
    assert [note for note in whole.notes if note not in half.notes] == only_said_by_the_deployment
    assert any(note.startswith("undock: nothing starts this application after a reboot") for note in half.notes)
