"""A range of seeds in; out, a failure that names the command with which the first broken promise is seen again."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.simulation.story import Told, tell

YOUNG = 50_000
"""Objects made before the collector looks again: a story makes some 100,000, and all of them end with it."""


def first_broken(seeds: Iterable[int]) -> Told | None:
    """The first story in which a promise is broken, None where all are kept."""
    with _collected_seldom():
        for seed in seeds:
            told = tell(seed)
            if told.broken:
                return told
    return None


def keep_every_promise(seeds: Iterable[int]) -> None:
    """Tell the stories of these seeds. Raises AssertionError with the command that tells a broken one again, line by line."""
    told = first_broken(seeds)
    assert told is None, "\n".join([*told.broken, f"python -m tests.simulation {told.story.seed} --trace"])


@contextmanager
def _collected_seldom() -> Iterator[None]:
    """Looking for cycles 140 times a story took a twelfth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
