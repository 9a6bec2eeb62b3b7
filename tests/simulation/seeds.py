"""A range of seeds in; out, a failure that names the command with which the first broken promise is seen again."""

from __future__ import annotations

from collections.abc import Iterable

from tests.simulation.story import Told, tell


def first_broken(seeds: Iterable[int]) -> Told | None:
    """The first story in which a promise is broken, None where all are kept."""
    for seed in seeds:
        told = tell(seed)
        if told.broken:
            return told
    return None


def keep_every_promise(seeds: Iterable[int]) -> None:
    """Tell the stories of these seeds. Raises AssertionError with the command that tells a broken one again, line by line."""
    told = first_broken(seeds)
    assert told is None, "\n".join([*told.broken, f"python -m tests.simulation {told.story.seed} --trace"])
