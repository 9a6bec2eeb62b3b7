"""Whatever arrives at a host, in whatever order, it keeps its word."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shipway_agent import decide
from shipway_agent.decide import Member
from shipway_agent.states import (
    COMMITTED,
    DECISIONS,
    REVERTED,
)

deployments = st.sampled_from(["d1", "d2", "d3"])
messages = st.fixed_dictionaries(
    {
        "do": st.sampled_from(sorted(decide.RULES)),
        "deployment": deployments,
        "fence": st.integers(1, 3),
        "owner": st.just("ann"),
        "host": st.sampled_from("abc"),
        "seconds": st.floats(1, 40),
        "lead": st.sampled_from("ab"),
        "members": st.just(["a", "b"]),
        "confirm_seconds": st.floats(1, 80),
        "decision": st.sampled_from([COMMITTED, REVERTED]),
        "waits": st.booleans(),
        "point": st.sampled_from(["main-1", "main-2"]),
        "bound_seconds": st.just(60.0),
        "why": st.just("no room"),
    },
    optional={"term": st.integers(0, 2), "answer": st.just(True), "peers": st.just(["10.0.0.1:1"]), "document": st.just({"x": [1]})},
)


@given(st.sampled_from("ab"), st.lists(st.tuples(messages, st.floats(0, 50)), max_size=40))
def test_whatever_arrives_a_host_answers_keeps_its_word_and_its_record_survives_json(
    name: str, sent: list[tuple[dict[str, Any], float]]
) -> None:
    member, now = Member(name), 0.0
    for message, seconds in sent:
        now += seconds
        after, reply = decide.handle(member, message, now)
        assert reply["ok"] or (after == member and reply["code"])
        assert (after.term, after.fence) >= (member.term, member.fence)
        for attempt in member.attempts:
            if attempt.stage in DECISIONS and message["do"] != "remove":
                later = after.attempt(attempt.deployment)
                assert later is not None and (later == attempt or later.term > attempt.term), "a decision changes only to a higher term"
        assert len(after.open()) <= 1
        assert decide.from_json(decide.to_json(after)) == after
        member = after
