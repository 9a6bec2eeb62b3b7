"""The record as it is stored: people can read it, and it is read again, that of an earlier agent too."""

from __future__ import annotations

from shipway_agent import decide
from shipway_agent.decide import Attempt, Lease, Member
from shipway_agent.states import (
    SWITCHED,
)


def test_a_record_can_be_read_by_people() -> None:
    lease = Lease("d1", "ann@laptop", 1, since=10.0, until=40.0)
    attempt = Attempt("d1", 1, SWITCHED, "a", ("a", "b"), 60.0, base=None, deadline=70.0, document={"commit": "abc"})
    assert decide.to_json(Member("a", 0, 1, lease, 1, (attempt,))) == {
        "name": "a",
        "term": 0,
        "fence": 1,
        "lease": {"deployment": "d1", "owner": "ann@laptop", "fence": 1, "since": 10.0, "until": 40.0},
        "current": 1,
        "attempts": (
            {
                "deployment": "d1",
                "fence": 1,
                "stage": "switched",
                "lead": "a",
                "members": ("a", "b"),
                "confirm_seconds": 60.0,
                "base": None,
                "deadline": 70.0,
                "document": {"commit": "abc"},
                "term": 0,
            },
        ),
        "warm": None,
        "left": {},
    }


def test_a_record_of_an_agent_that_knew_no_warm_is_read() -> None:
    record = decide.to_json(Member("a", current=1))
    del record["warm"]
    assert decide.from_json(record) == Member("a", current=1)


def test_a_record_of_an_agent_before_hosts_could_leave_is_read() -> None:
    old = {key: value for key, value in decide.to_json(Member("a", fence=3)).items() if key != "left"}
    assert decide.from_json(old) == Member("a", fence=3)
