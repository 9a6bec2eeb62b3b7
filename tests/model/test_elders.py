"""Whom each host learns of: all where they are few; else the first by id know all, and all know those."""

from __future__ import annotations

from shipway.model.elders import ELDERS, are_many, elders, known_to_each

MANY = [f"h{number:04}" for number in range(1000)]


def test_few_know_each_other() -> None:
    few = MANY[:ELDERS]
    assert known_to_each(reversed(few)) == dict.fromkeys(few, tuple(few))
    assert not are_many(few)
    assert known_to_each([]) == {}


def test_among_many_an_elder_knows_all_and_every_other_the_elders_and_itself() -> None:
    known = known_to_each(MANY)
    first = elders(MANY)
    assert first == tuple(MANY[:ELDERS])
    assert {known[name] for name in first} == {tuple(MANY)}
    assert all(known[name] == (*first, name) for name in MANY[ELDERS:])
    assert are_many(MANY)


def test_what_all_are_told_together_grows_with_their_number_and_not_with_its_square() -> None:
    def told(count: int) -> int:
        return sum(len(names) for names in known_to_each(MANY[:count]).values())

    assert told(1000) - told(900) == told(200) - told(100) == 100 * (2 * ELDERS + 1)
