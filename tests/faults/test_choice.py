"""Of variants one is drawn, and of each K cases one; another seed draws others, and the same seed the same."""

from __future__ import annotations

from collections import Counter

from tests.faults.case import Case
from tests.faults.choice import Choice

CASES = [Case(f"{number}", lambda _: None) for number in range(10)]
VARIED = [Case(f"{number}{variant}", lambda _: None, f"{number}") for number in range(10) for variant in "xyz"]


def names(choice: Choice, cases: list[Case]) -> list[str]:
    return [case.name for case in choice.of("made/family", cases)]


def test_of_each_k_cases_one_is_drawn_and_another_seed_draws_others() -> None:
    drawn = {seed: [int(name) for name in names(Choice(step=4, seed=seed), CASES)] for seed in "abcdefgh"}
    for numbers in drawn.values():
        assert [number // 4 for number in numbers] == [0, 1, 2]
    assert len({tuple(numbers) for numbers in drawn.values()}) > 1
    assert drawn["a"] == [int(name) for name in names(Choice(step=4, seed="a"), CASES)]
    assert Choice().of("made/family", CASES) == CASES


def test_of_each_point_one_variant_is_drawn_and_every_variant_comes() -> None:
    drawn = [names(Choice(seed=f"{seed}"), VARIED) for seed in range(40)]
    for chosen in drawn:
        assert [name[0] for name in chosen] == [f"{number}" for number in range(10)]
    assert set(Counter(name for chosen in drawn for name in chosen)) == {case.name for case in VARIED}
    assert Choice(variants=True).of("made/family", VARIED) == VARIED
