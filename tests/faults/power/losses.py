"""A recorded deployment in, the losses of power that are worth looking at, and what each of them breaks, out."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.power.judge import judged
from tests.faults.power.platter import Platter

PROXY = "proxy"
BESIDE_APPS = "apps"


@dataclass(frozen=True)
class Loss:
    """The power fails right before sync number `moment`; of the effects that were not synced by then, these were on disk all the same."""

    moment: int
    kept: tuple[int, ...]


def losses(platter: Platter, *, every: bool, drawn: int, seed: str) -> Iterator[Loss]:
    """With `every`, each moment: nothing of what was unsynced is there, all of it is, and `drawn` beginnings and as many parts of it.

    Else `drawn` moments with a beginning, and as many with a part.
    """
    draw = random.Random(seed)
    for moment in range(platter.moments) if every else (draw.randrange(platter.moments) for _ in range(drawn)):
        pending = platter.pending(moment)
        if every:
            yield Loss(moment, ())
            yield Loss(moment, tuple(pending))
        for _ in range(drawn if every else 1):
            yield Loss(moment, tuple(pending[: draw.randint(0, len(pending))]))
            yield Loss(moment, _part(pending, draw))


def judge(platter: Platter, loss: Loss, place: Path, *, below: Path, old: int | None, new: int) -> list[str]:
    """What is wrong after that loss. `below` leads from the recorded directory to the root; the proxy's lies in it, or beside `apps`.

    The recording ended when the driver had heard that `new` is committed.
    """
    place.mkdir()
    try:
        platter.left(loss.moment, loss.kept).lay_out(place)
        root = place / below
        proxy = place / PROXY if below.parts[:1] == (BESIDE_APPS,) else root / PROXY
        return judged(root, proxy, old, new, told="committed" if loss.moment == platter.moments - 1 else None)
    finally:
        shutil.rmtree(place)


def _part(pending: list[int], draw: random.Random) -> tuple[int, ...]:
    share = draw.random()
    return tuple(one for one in pending if draw.random() < share)
