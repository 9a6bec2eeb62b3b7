"""Tasks that a dead driver left: listed until they are undone or named, undone once by whoever comes next, never guessed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import clock
from shipway_agent.leftovers import left
from shipway_agent.primitives import generations
from tests.agent.workshop import DEPLOYMENT, NUMBER, RELEASE, Workshop, workshop

MIGRATE = {"name": "migrate", "undo": "echo withdrawn >> $LEDGER", "check": None, "directory": ".", "timeout_seconds": 20.0}
ANNOUNCE = {"name": "announce", "undo": None, "check": None, "directory": ".", "timeout_seconds": 20.0}
CHECKED = {**MIGRATE, "name": "checked", "check": "grep -q checked $LEDGER"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    with workshop(tmp_path / "root", {}) as one:
        one.root.remove(generations.place(NUMBER))
        document = {
            "number": NUMBER,
            "deployment": DEPLOYMENT,
            "release": RELEASE,
            "version": "v1",
            "environment": "production",
            "processes": [],
            "activate": [MIGRATE, ANNOUNCE, CHECKED],
        }
        env = {"common": {"LEDGER": str(tmp_path / "ledger")}, "process": {}, "task": {}}
        generations.make(one.context(), {"number": NUMBER, "document": document, "env": env})
        yield one


def ran(shop: Workshop, *names: str, run: str = "echo $0 >> $LEDGER") -> None:
    for name in names:
        args = {"generation": NUMBER, "name": name, "run": ["/bin/sh", "-c", run, name], "directory": ".", "timeout_seconds": 20.0}
        step = {"key": f"task:{name}", "do": "task.run", "args": args, "timeout_seconds": 30.0}
        assert shop.run(step)["failed"] is None


def reverted(shop: Workshop) -> None:
    """The driver is dead: another one holds the lease, with number 2, and has settled what was open."""
    shop.decide({"do": "finish", "deployment": DEPLOYMENT, "fence": NUMBER})
    assert shop.lease("d-2", 2)["ok"]
    assert shop.decide({"do": "undo", "deployment": DEPLOYMENT, "fence": 2})["decision"] == "reverted"


def undo(shop: Workshop, name: str) -> dict[str, Any]:
    step = {"key": f"undo:task:{name}", "do": "task.undo", "args": {"generation": NUMBER, "name": name}, "timeout_seconds": 30.0}
    return shop.run(step, fence=2, decided=True)


def names(shop: Workshop) -> list[tuple[str, str, bool]]:
    return [(task["task"], task["state"], task["undo"]) for task in left(shop.root, shop.journal)]


def ledger(shop: Workshop) -> list[str]:
    return (shop.home.parent / "ledger").read_text().splitlines()


def test_migrations_that_were_taken_back_can_be_applied_again(shop: Workshop) -> None:
    """By what its generation says: here none is to be, as in a deployment that is no revert."""
    assert shop.run({"key": "migrate:reverse", "do": "task.name", "args": {}, "timeout_seconds": 30.0})["failed"] is None
    reverted(shop)
    (one,) = left(shop.root, shop.journal)
    assert (one["key"], one["task"], one["undo"]) == ("migrate:reverse", "migrate:reverse", False)
    document = {**(generations.read(shop.root, NUMBER) or {}), "reverses": {"generation": 1, "names": ["2"], "undo": True}}
    shop.root.write(f"{generations.place(NUMBER)}/generation.json", json.dumps(document).encode())
    assert left(shop.root, shop.journal)[0]["undo"] is True


def test_what_ran_is_left_newest_first_once_it_cannot_go_live_any_more(shop: Workshop) -> None:
    ran(shop, "migrate", "announce")
    assert names(shop) == [], "it may still go live"
    reverted(shop)
    assert names(shop) == [("announce", "done", False), ("migrate", "done", True)]


def test_a_lease_that_ran_out_before_any_intent_hides_nothing(shop: Workshop) -> None:
    ran(shop, "migrate")
    shop.journal.decide({"do": "tick"}, clock.boot_now() + 1000)
    attempt = shop.journal.member().attempt(DEPLOYMENT)
    assert attempt is not None and attempt.stage == "discarded"
    assert names(shop) == [("migrate", "done", True)]


def test_it_is_undone_once_under_the_number_of_whoever_comes_next(shop: Workshop) -> None:
    ran(shop, "migrate")
    reverted(shop)
    assert undo(shop, "migrate")["done"][0]["answer"]["undone"] is True
    again = undo(shop, "migrate")["done"][0]
    assert again["reused"] and again["answer"]["undone"] is True
    assert ledger(shop) == ["migrate", "withdrawn"]
    assert names(shop) == []


def test_what_has_no_undo_is_left_until_it_was_named(shop: Workshop) -> None:
    ran(shop, "announce")
    reverted(shop)
    assert undo(shop, "announce")["failed"]["code"] == "no-generation"
    assert names(shop) == [("announce", "done", False)]
    step = {"key": "named:task:announce", "do": "task.name", "args": {}, "timeout_seconds": 30.0}
    assert shop.run(step, fence=2, decided=True)["failed"] is None
    assert names(shop) == []


@pytest.mark.parametrize("took_effect", [True, False])
def test_one_that_nobody_saw_end_is_settled_by_its_check_before_it_is_undone(shop: Workshop, took_effect: bool) -> None:
    unseen(shop, "task:checked")
    (shop.home.parent / "ledger").write_text("checked\n" if took_effect else "")
    reverted(shop)
    assert names(shop) == [("checked", "unknown", True)]
    assert undo(shop, "checked")["done"][0]["answer"]["undone"] is took_effect
    assert ledger(shop) == (["checked", "withdrawn"] if took_effect else [])
    assert names(shop) == []


def test_one_that_nobody_saw_end_and_that_has_no_check_is_never_guessed(shop: Workshop) -> None:
    unseen(shop, "task:migrate")
    reverted(shop)
    assert undo(shop, "migrate")["failed"]["code"] == "unknown-outcome"
    assert names(shop) == [("migrate", "unknown", True)]


def unseen(shop: Workshop, key: str) -> None:
    """The intent of a step whose agent was killed."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from shipway_agent import clock; from shipway_agent.journal import Journal; from shipway_agent.root import Root;"
        f"Journal(Root({str(shop.home)!r})).begin_step({DEPLOYMENT!r}, {key!r}, {NUMBER}, now=clock.boot_now())"
    )
    sources = os.path.dirname(os.path.dirname(sys.modules["shipway_agent"].__file__ or ""))
    subprocess.run([sys.executable, "-c", program, sources], check=True, timeout=60)
