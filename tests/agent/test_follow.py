"""Whoever follows a host is told what is new as soon as it is written, how far a deployment is, and costs it nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import clock
from shipway_agent import follow as following
from shipway_agent.call import Call, Place
from shipway_agent.follow import follow
from shipway_agent.journal import Journal
from shipway_agent.progress import progress, under_way
from tests.agent.workshop import DEPLOYMENT, NUMBER, Workshop, workshop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with workshop(tmp_path / "root") as one:
        yield one


def ask(shop: Workshop, **args: Any) -> dict[str, Any]:
    place = Place(shop.root, str(shop.home / "proxy"), "a", "agent")
    with Call(place, {"deployment": DEPLOYMENT, **args}, (), lambda event: None, shop.ended) as call:
        return follow(call)


def test_it_begins_with_the_first_event_of_the_deployment(shop: Workshop) -> None:
    shop.journal.event("later", "another", {})
    first = ask(shop)
    assert first["events"][0]["data"]["message"]["do"] == "lease" and first["events"][0]["deployment"] == DEPLOYMENT
    assert first["seq"] == shop.journal.newest() and first["more"] is False
    assert ask(shop, since=first["seq"])["events"] == []
    assert ask(shop, deployment="never seen")["events"] == [], "what this host never saw begins with what comes"


def test_an_answer_comes_as_soon_as_something_is_written(shop: Workshop) -> None:
    since = ask(shop)["seq"]
    answers: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: answers.append(ask(shop, since=since, wait_seconds=2.0)))
    waiting.start()
    with Journal(shop.root) as other:
        other.event("news", DEPLOYMENT, {"n": 1})
    waiting.join(30)
    while answers and not answers[0]["events"]:  # a slow machine may have written after the 2 s
        answers = [ask(shop, since=since, wait_seconds=2.0)]
    assert [event["kind"] for event in answers[0]["events"]] == ["news"]


def test_a_channel_that_ends_lets_go_of_the_question(shop: Workshop) -> None:
    since = ask(shop)["seq"]
    shop.ended.set()
    assert ask(shop, since=since, wait_seconds=2.0)["events"] == []


def test_an_answer_that_says_decided_has_the_decision_among_its_events(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is decided at the worst moment, right before the record is read: whoever stops at that answer has been told of it."""
    since = ask(shop)["seq"]

    def decided_meanwhile(*args: Any) -> dict[str, Any]:
        shop.decide({"do": "undo", "deployment": DEPLOYMENT, "fence": NUMBER})
        return progress(*args)

    monkeypatch.setattr(following, "progress", decided_meanwhile)
    answer = ask(shop, since=since)
    assert answer["progress"]["stage"] == "reverted"
    assert [event["data"]["message"]["do"] for event in answer["events"]] == ["undo"]


def test_many_events_come_in_several_answers(shop: Workshop) -> None:
    for n in range(450):
        shop.journal.event("news", DEPLOYMENT, {"n": n})
    seen, more, since = [], True, None
    while more:
        answer = ask(shop, since=since)
        seen += [event["data"]["n"] for event in answer["events"] if event["kind"] == "news"]
        more, since = answer["more"], answer["seq"]
    assert seen == list(range(450))


def now_of(shop: Workshop, later_seconds: float = 0.0) -> dict[str, Any]:
    return progress(shop.journal, DEPLOYMENT, clock.boot_now() + later_seconds, clock.wall_now() + later_seconds)


def test_how_far_it_is_names_the_step_that_runs_and_then_the_last(shop: Workshop) -> None:
    assert now_of(shop)["step"] is None
    about = {"title": "run migrate", "phase": "activate", "wave": "migrate on a"}
    shop.journal.begin_step(DEPLOYMENT, "task:migrate", NUMBER, now=clock.boot_now(), about=about)
    said = now_of(shop, 5.0)
    assert {key: said["step"][key] for key in ("title", "phase", "wave", "state")} == {**about, "state": "intent"}
    assert said["step"]["seconds"] >= 5.0
    shop.journal.end_step(DEPLOYMENT, "task:migrate", "done", {}, about={"seconds": 1.0})
    assert now_of(shop)["step"]["state"] == "done" and now_of(shop)["step"]["phase"] == "activate"


def test_a_step_that_is_remembered_for_its_release_counts_for_whom_it_runs(shop: Workshop) -> None:
    about = {"title": "run install", "phase": "prepare", "wave": "prepared"}
    shop.journal.begin_step("release:abc", "task:install:1", NUMBER, now=clock.boot_now(), on_behalf_of=DEPLOYMENT, about=about)
    assert now_of(shop)["step"]["title"] == "run install"


def test_when_the_driver_was_heard_follows_from_lease_and_deadline(shop: Workshop) -> None:
    said = now_of(shop, 100.0)
    assert said["owner"] == "ann@laptop" and said["stage"] == "leased"
    assert said["heard_seconds"] == pytest.approx(100.0, abs=30) and said["left_seconds"] == pytest.approx(200.0, abs=30)
    assert said["decides_seconds"] == said["left_seconds"], "what has no intent is discarded when the lease runs out"
    for do in ("vote", "start", "ready", "arm", "switched"):
        assert shop.decide({"do": do, "deployment": DEPLOYMENT, "fence": NUMBER})["ok"]
    late = now_of(shop, 340.0)
    assert late["left_seconds"] is None and late["decides_seconds"] == 0.0, "lease and deadline are over"
    assert late["heard_seconds"] == pytest.approx(340.0, abs=30) and late["owner"] == "ann@laptop"


def test_what_goes_on_is_the_leases_deployment_or_the_one_that_is_open(shop: Workshop) -> None:
    assert under_way(shop.journal.member(), clock.boot_now()) == DEPLOYMENT
    assert under_way(shop.journal.member(), clock.boot_now() + 301) is None
    for do in ("vote", "start", "ready", "arm"):
        shop.decide({"do": do, "deployment": DEPLOYMENT, "fence": NUMBER})
    assert under_way(shop.journal.member(), clock.boot_now() + 301) == DEPLOYMENT


def test_who_asks_for_a_lease_that_another_holds_is_told_how_far_that_one_is(shop: Workshop) -> None:
    about = {"title": "run migrate", "phase": "activate", "wave": "activated"}
    shop.journal.begin_step(DEPLOYMENT, "task:migrate", NUMBER, now=clock.boot_now(), about=about)
    refused = shop.lease("d-2", 2)
    assert (refused["code"], refused["owner"], refused["progress"]["step"]["title"]) == ("held", "ann@laptop", "run migrate")


def test_following_writes_nothing(shop: Workshop) -> None:
    ask(shop)
    before = shop.journal.newest()
    time.sleep(0)
    ask(shop, since=0)
    assert shop.journal.newest() == before
