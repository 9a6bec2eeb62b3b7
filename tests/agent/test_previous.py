"""Which generations have one content, and what served before with another."""

from __future__ import annotations

from typing import Any

from shipway_agent.previous import alike, previous

V1: dict[str, Any] = {}
V2: dict[str, Any] = {}
REPAIRED = {"same_as": [2]}
AGAIN = {"same_as": [2, 3]}
BACK = {"source": 1}


def documents(**more: Any) -> dict[int, dict[str, Any]]:
    return {int(name[1:]): document for name, document in more.items()}


def test_a_repair_is_what_it_repaired_and_a_rollback_what_it_copied() -> None:
    known = documents(n1=V1, n2=V2, n3=REPAIRED, n4=AGAIN, n5=BACK)
    assert alike(known, (4,)) == {2, 3, 4}
    assert alike(known, (1,)) == {1, 5}
    assert alike(documents(n4=AGAIN), (4,)) == {2, 3, 4}, "what is pruned is known by its number"


def test_before_a_repair_is_what_was_before_the_repaired() -> None:
    known = documents(n1=V1, n2=V2, n3=REPAIRED, n4=AGAIN)
    assert [previous(known, (1, 2, 3, 4), current) for current in (1, 2, 3, 4, None)] == [None, 1, 1, 1, None]
    assert previous({**known, 5: BACK}, (1, 2, 3, 4, 5), 5) == 4, "a rollback can be rolled back"


def test_only_what_was_proved_and_is_there_counts() -> None:
    known = documents(n1=V1, n2=V2, n4={})
    assert previous(known, (1, 4), 4) == 1
    assert previous(known, (1, 3, 4), 4) == 1
