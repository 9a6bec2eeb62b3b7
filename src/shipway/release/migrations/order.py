"""Migrations with what they depend on in, the same in an order in which they can run out."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from shipway.release.migrations.written import Written, unreadable


def ordered(found: Iterable[Written]) -> tuple[Written, ...]:
    """Each behind those that it depends on, by name where that leaves a choice. What is not there (a package's own) counts as done.

    Raises WrongInput for some that depend on each other.
    """
    by_name = {one.name: one for one in found}
    waits = {name: {before for before in one.after if before in by_name} for name, one in by_name.items()}
    followers: dict[str, list[str]] = {}
    for name, before in waits.items():
        for one in before:
            followers.setdefault(one, []).append(name)
    ready = [name for name, before in waits.items() if not before]
    heapq.heapify(ready)
    done: list[Written] = []
    while ready:
        name = heapq.heappop(ready)
        done.append(by_name[name])
        for follower in followers.get(name, ()):
            waits[follower].discard(name)
            if not waits[follower]:
                heapq.heappush(ready, follower)
    if len(done) < len(by_name):
        stuck = sorted(name for name, before in waits.items() if before)
        raise unreadable(by_name[stuck[0]].path, None, f"{', '.join(stuck)} depend on each other")
    return tuple(done)
