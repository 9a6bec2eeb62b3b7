"""The cases of a family in, those that will run out: each of them, a variant of each point, one of each K; by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.faults.case import Case


@dataclass(frozen=True)
class Choice:
    """Of each point a variant, or each of its `variants`; of each `step` of these in a row one. Another `seed` draws others."""

    variants: bool = False
    step: int = 1
    seed: str = "0"

    def of(self, family: str, cases: list[Case]) -> list[Case]:
        """`family` is GROUP/FAMILY."""
        draw = random.Random(f"{self.seed} {family}")
        chosen = cases if self.variants else one_of_each_point(cases, draw)
        return one_of_each(chosen, self.step, draw)


def one_of_each_point(cases: list[Case], draw: random.Random) -> list[Case]:
    """A variant of each point, in the order of the points: each is as likely."""
    points: dict[str, list[Case]] = {}
    for case in cases:
        points.setdefault(case.point or case.name, []).append(case)
    return [draw.choice(variants) for variants in points.values()]


def one_of_each(cases: list[Case], step: int, draw: random.Random) -> list[Case]:
    """Of each `step` cases that follow each other one: each is as likely."""
    return [draw.choice(cases[first : first + step]) for first in range(0, len(cases), step)]
