"""The names of a fleet in; out, whom each host learns of: among many no host is told all the others, or a fleet would cost its square.

The first by id, the lead among them, are the *elders*: they are told everybody, and everybody is told them. decisions/0037 has the reasons.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

ELDERS = 16
"""A fleet of so many or fewer hosts has only elders."""


def are_many(names: Collection[str]) -> bool:
    """Whether there are hosts that are not told everybody."""
    return len(names) > ELDERS


def elders(names: Iterable[str]) -> tuple[str, ...]:
    """The first hosts by id."""
    return tuple(sorted(names)[:ELDERS])


def known_to_each(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each host the names that it is told, its own among them, by id: all of them to an elder, the elders to all."""
    everybody = tuple(sorted(names))
    first = everybody[:ELDERS]
    return {name: everybody if name in first else (*first, name) for name in everybody}
