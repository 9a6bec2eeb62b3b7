"""A list of steps and a host in, what each answered out; the first that fails is an error that says why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shipway.execute.fleet import Fleet
from shipway.execute.lease import Claim
from shipway.execute.telling import Tell
from shipway.model.errors import HostRefused, StepFailed
from shipway.model.plan import Step
from shipway_agent.record import dataclass

GRACE_SECONDS = 15.0
"""What a host may need on top of its steps' own bounds: to end a step and to journal it."""


@dataclass(frozen=True, slots=True)
class Where:
    """The phase and wave of the fleet, as events name them, and the batch (0 for all at once). Hosts journal it with each step."""

    phase: str = ""
    wave: str = ""
    batch: int = 0


NOWHERE = Where()


async def run(
    fleet: Fleet,
    name: str,
    claim: Claim,
    steps: Sequence[Step],
    tell: Tell,
    *,
    decided: bool = False,
    where: Where = NOWHERE,
    wheres: Mapping[str, Where] = {},
    shipped: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run steps on one host in one exchange, streaming what happens.

    `decided` marks steps that belong behind the decision; `wheres` names, by key, steps that are of another phase than `where`; `shipped`
    is what reached the host before, for its journal.
    Raises StepFailed, LinkLost, Overdue, Unreachable.
    """
    titles = {step.key: step.title or step.key for step in steps}
    args = {
        "deployment": claim.deployment,
        "fence": claim.number,
        "term": claim.term,
        "decided": decided,
        "phase": where.phase,
        "wave": where.wave,
        "batch": where.batch,
        "steps": [as_sent(step, wheres.get(step.key)) for step in steps],
    }
    if shipped is not None:
        args["shipped"] = dict(shipped)
    bounds = {step.key: step.timeout_seconds for step in steps}
    bound = sum(bounds.values()) + GRACE_SECONDS
    waits = _Waits(name, titles, bounds, tell)
    try:
        waits.begin("its steps to begin", bound)
        answer = await fleet.call(name, "run", args, on_event=_relay(name, titles, tell, waits), timeout_seconds=bound)
    finally:
        waits.end()
    failed = answer["failed"]
    if failed is not None:
        raise StepFailed(name, failed, titles)
    return {done["key"]: done["answer"] for done in answer["done"]}


def as_sent(step: Step, where: Where | None = None) -> dict[str, Any]:
    """A step as the agent takes it."""
    sent = {"key": step.key, "do": step.do, "args": step.args, "timeout_seconds": step.timeout_seconds, "title": step.title}
    return sent if where is None else {**sent, "phase": where.phase, "wave": where.wave}


MOST_EVENTS = 10_000
"""What a host may tell of one list of steps beside output: each step begins and ends once."""

PATIENCE_SECONDS = 10.0
"""A step that lasts longer is told with its bound."""


class _Waits:
    """Tells a step that lasts, with its bound; one that is told line by line as well, for only the bound says that it will end."""

    def __init__(self, name: str, titles: Mapping[str, str], bounds: Mapping[str, float], tell: Tell) -> None:
        self._name = name
        self._titles = titles
        self._bounds = bounds
        self._tell = tell
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, what: str, bound_seconds: float) -> None:
        """From now on `what` is waited for."""
        self.end()
        left = bound_seconds - PATIENCE_SECONDS
        if left > 0:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(PATIENCE_SECONDS, lambda: self._tell("waiting", host=self._name, what=what, bound_seconds=left))

    def hear(self, event: Mapping[str, Any]) -> None:
        """A step began or ended."""
        key = str(event.get("key"))
        if event.get("state") == "started":
            self.begin(f"{self._titles.get(key, key)} to end", self._bounds.get(key, 0.0) + GRACE_SECONDS)
        else:
            self.end()

    def end(self) -> None:
        """Nothing is waited for."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None


def _relay(name: str, titles: Mapping[str, str], tell: Tell, waits: _Waits) -> Callable[[Mapping[str, Any]], None]:
    count = 0

    def on_event(event: Mapping[str, Any]) -> None:
        nonlocal count
        count += event.get("event") != "output"
        if count > MOST_EVENTS:
            raise HostRefused(name, "endless", f"it tells more than {MOST_EVENTS:,} events of {len(titles)} steps; no agent does")
        data = {key: value for key, value in event.items() if key != "event"}
        kind = str(event.get("event"))
        if kind == "step":
            waits.hear(data)
            tell("step", host=name, title=titles.get(str(data.get("key")), str(data.get("key"))), **data)
            if isinstance(data.get("answer"), Mapping) and data["answer"].get("note"):
                tell("note", host=name, message=str(data["answer"]["note"]))
            if data.get("state") == "done" and isinstance(data.get("answer"), Mapping) and "at_boot" in data["answer"]:
                tell("switched", host=name, **{key: data["answer"].get(key) for key in ("base", "seconds", "at_boot")})
            if data.get("state") == "done" and isinstance(data.get("answer"), Mapping) and data["answer"].get("reached") is False:
                why = data["answer"].get("why", "")
                tell("note", host=name, message=f"it cannot ask the lead ({why}): if this program dies, {name} goes back alone")
        elif kind == "output":
            tell("output", host=name, **data)
        else:
            tell("note", host=name, message=f"unknown event {kind!r} of the agent")

    return on_event
