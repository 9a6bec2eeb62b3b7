"""A deployment is undone and has used the spare tree up: its host lays another of what serves, and the next deployment is made of that."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.stories.shop import Shop

BOUND_SECONDS = 30.0


def laid(shop: Shop, *, besides: int = 0) -> int:
    """The inode of the spare tree, once one lies there that is not `besides`."""
    until = time.monotonic() + BOUND_SECONDS
    while True:
        for found in (shop.root / "releases").glob("spare-*"):
            if found.stat().st_ino != besides:
                return found.stat().st_ino
        assert time.monotonic() < until, f"no spare tree within {BOUND_SECONDS:g} s: {os.listdir(shop.root / 'releases')}"
        time.sleep(0.05)


def test_an_undone_deployment_leaves_a_spare_tree_for_the_next(place: Path) -> None:
    shop = Shop(place)
    shop.project.deploy("v1")
    (served,) = os.listdir(shop.root / "releases")
    first = laid(shop)
    shop.project.run("deploy", "local", "--ref", "v3", code=1)
    failed = next(name for name in os.listdir(shop.root / "releases") if not name.startswith(("spare-", served)))
    assert (shop.root / "releases" / failed).stat().st_ino == first, "it was the tree of the one that failed"
    second = laid(shop, besides=first)
    assert (shop.root / f"releases/spare-{served}").stat().st_ino == second, "and this one is of what serves"
    shop.project.deploy("v2")
    assert (shop.root / "current/release").stat().st_ino == second
    assert shop.version() == "2"
    shop.project.run("verify", "local", "v2")
