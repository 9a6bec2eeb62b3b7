"""Open channels and where requests should come in, in; out, what each host says beside its facts, and how far its clock is from ours."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from shipway.execute.fleet import Fleet, Outcomes
from shipway.model.errors import HostError
from shipway.model.finding import Examined, Orphan, Stray

EXAMINE_SECONDS = 30.0
MEND_SECONDS = 45.0
"""Bound of starting a supervisor and of writing its line or unit."""


async def examine(fleet: Fleet, listens: Mapping[str, str]) -> Outcomes[Examined]:
    """Ask the hosts that `listens` names; "" for one where no requests should come in. Nothing is touched."""

    async def one(name: str) -> Examined:
        before = time.time()
        answer = await fleet.call(name, "examine", {"listen": listens[name] or None}, timeout_seconds=EXAMINE_SECONDS)
        try:
            return _examined(answer, listens[name], before, time.time())
        except (KeyError, TypeError, ValueError) as error:
            raise HostError(name, "facts", f"it answered what cannot be read: {error!r}") from None

    return await fleet.each(one, listens)


async def mend(fleet: Fleet, name: str, reboot: Mapping[str, str] | None, *, journal: bool = False) -> tuple[str, ...]:
    """Have one host do what is safe; a sentence for each thing it did. `reboot` is {"app", "environment"}; with `journal` a damaged one is
    made anew. Raises HostError.
    """
    answer = await fleet.call(name, "mend", {"reboot": reboot, "journal": journal}, timeout_seconds=MEND_SECONDS)
    return tuple(str(what) for what in answer.get("done", ()))


def skew(clock: float, before: float, after: float) -> float:
    """By how much a clock that was read between `before` and `after` of ours is ahead, at least; 0 where the two may be equal."""
    return clock - min(max(clock, before), after)


def _examined(answer: Mapping[str, Any], listen: str, before: float, after: float) -> Examined:
    return Examined(
        listen=listen,
        listen_fault=str(answer["listen"] or ""),
        skew_seconds=skew(float(answer["clock"]), before, after),
        strays=tuple(Stray(int(one["pid"]), str(one["copy"]), int(one["generation"])) for one in answer["strays"]),
        orphans=tuple(Orphan(str(one["deployment"]), str(one["task"]), float(one["seconds_left"])) for one in answer["orphans"]),
    )
