"""Families in; out, before any of them runs, how many cases there are and how long they take, and the names of all of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from tests.faults.case import Family, Group
from tests.faults.choice import Choice
from tests.faults.matrix import Matrix, full_name, outlined

FLEET_SECONDS = 15.0
"""A fleet is set up once for each family, more or less."""


@dataclass(frozen=True)
class Forecast:
    """`cases` will run, of which `guessed` are only known once a fleet stands; `seconds` is for one fleet after the other."""

    cases: int
    guessed: int
    seconds: float

    def told(self, jobs: int) -> str:
        """One line for people."""
        minutes = max(1, round(self.seconds / jobs / 60))
        time = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
        known = f" ({self.guessed:,} of them counted once a fleet stands)" if self.guessed else ""
        fleets = f", {jobs} fleets at once" if jobs > 1 else ""
        return f"{'about ' if self.guessed else ''}{self.cases:,} cases{known}, about {time}{fleets}; more on a busy machine"


def forecast(families: Iterable[tuple[Group, Family]], choice: Choice, done: Collection[str]) -> Forecast:
    """Of what is chosen of each family's cases, without those that are `done`. How many that is where a family looks is a guess."""
    cases = guessed = 0
    seconds = 0.0
    for group, family in families:
        prefix = f"{group.name}/{family.name}"
        if family.looks:
            about = family.about * (family.variants if choice.variants else 1)
            count = max(0, math.ceil(about / choice.step) - sum(name.startswith(f"{prefix}/") for name in done))
            guessed += count
        else:
            count = sum(full_name(group, family, case) not in done for case in choice.of(prefix, outlined(family)))
        cases += count
        seconds += count * family.seconds + FLEET_SECONDS
    return Forecast(cases, guessed, seconds)


def forecast_sample(families: Iterable[tuple[Group, Family]], count: int) -> Forecast:
    """Of `count` cases of each family."""
    drawn = list(families)
    return Forecast(count * len(drawn), 0, sum(count * family.seconds + FLEET_SECONDS for _, family in drawn))


def enumerate_cases(matrix: Matrix, families: Iterable[tuple[Group, Family]], tell: Callable[[str], None]) -> Counter[str]:
    """Tell the full name of every case, on a standing fleet where a family needs one; how many there are of each group."""
    counts: Counter[str] = Counter()
    for group, family in sorted(families, key=lambda one: one[1].hosts if one[1].looks else 0):
        for case in matrix.cases(family):
            tell(full_name(group, family, case))
            counts[group.name] += 1
    return counts
