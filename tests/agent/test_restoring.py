"""A lead that is to put data back asks first whether it was written off meanwhile: then others have let visitors in, and it follows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import clock, restoring
from shipway_agent.decide import Attempt
from shipway_agent.errors import AgentError
from shipway_agent.journal import Journal
from shipway_agent.lead import Lead
from shipway_agent.root import Root
from shipway_agent.states import RESTORING, REVERTED

KEY = "5" * 64


class Fleet:
    """`a` leads a held deployment, has touched data and lost its driver; `b` is the other member, with its listener."""

    def __init__(self, place: Path) -> None:
        self.roots = {name: Root(str(place / name), create=True) for name in ("a", "b")}
        self.journals = {name: Journal(root) for name, root in self.roots.items()}
        for name, journal in self.journals.items():
            journal.name_member(name)
        self.listener = Lead(self.roots["b"], "127.0.0.1", 0, lambda: None)
        for name in ("a", "b"):
            lease = {"owner": "ann", "seconds": 60.0, "lead": "a", "members": ["a", "b"], "confirm_seconds": 60.0}
            self.decide(name, "lease", **lease, document={"peer_key": KEY})
            self.decide(name, "vote", addresses={"b": [f"127.0.0.1:{self.listener.port}"]})
            self.decide(name, "hold", seconds=60, waits=True)
        self.decide("a", "touch", point="main-20261130T000000Z-abcd", bound_seconds=60.0)
        self.decide("a", "renew", seconds=0.0)
        self.journals["a"].decide({"do": "tick"}, clock.boot_now())
        assert self.attempt().stage == RESTORING

    def decide(self, name: str, do: str, **more: Any) -> None:
        reply = self.journals[name].decide({"do": do, "deployment": "1-x", "fence": 1, **more}, clock.boot_now())
        assert reply["ok"], reply

    def attempt(self) -> Attempt:
        found = self.journals["a"].member().attempt("1-x")
        assert found is not None
        return found

    def why(self) -> str:
        held = self.journals["a"].member().held
        return held.why if held is not None else ""

    def close(self) -> None:
        self.listener.close()
        for name in ("a", "b"):
            self.journals[name].close()
            self.roots[name].close()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path)
    yield made
    made.close()


def test_written_off_it_follows_and_puts_nothing_back(fleet: Fleet) -> None:
    fleet.decide("b", "tell", decision=REVERTED, term=1, lead="b")
    assert restoring.put_back(fleet.roots["a"].path) == 0
    assert (fleet.attempt().stage, fleet.attempt().term) == (REVERTED, 1)
    assert fleet.journals["a"].member().held is None
    assert not [event for event in fleet.journals["a"].events() if event["kind"] == "restore"], "nothing was begun"


def test_where_nobody_can_be_asked_it_waits_and_says_so(fleet: Fleet) -> None:
    fleet.listener.close()
    with pytest.raises(AgentError) as refused:
        restoring.put_back(fleet.roots["a"].path)
    assert refused.value.code == "nobody-heard"
    assert fleet.attempt().stage == RESTORING
    assert fleet.why().startswith("no other host can be asked whether this one was written off meanwhile")


def test_where_another_host_knows_of_nothing_it_goes_on(fleet: Fleet) -> None:
    with pytest.raises(AgentError):
        restoring.put_back(fleet.roots["a"].path)
    assert [event["data"]["state"] for event in fleet.journals["a"].events() if event["kind"] == "restore"] == ["begun"]
