"""What a host says of the deployment under way in; how far it is and what happens without its driver, for people, out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from shipway_agent.record import dataclass, field

Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Doing:
    """How far a deployment is on a host, as the host knows it. All but `deployment` may be unknown.

    `owner` holds its lease since `held_seconds` and for `left_seconds` more; `heard_seconds` ago its driver was heard; in
    `decides_seconds` the host acts by itself; `step` is the newest: key, title, phase, wave, state, seconds.
    """

    deployment: str
    stage: str = ""
    owner: str = ""
    held_seconds: float | None = None
    left_seconds: float | None = None
    heard_seconds: float | None = None
    decides_seconds: float | None = None
    step: Json = field(default_factory=dict)

    @classmethod
    def of(cls, said: Json) -> Doing:
        """From what a host said; what is not as docs/contracts.md says is unknown."""
        step = said.get("step")
        return cls(
            deployment=str(said.get("deployment") or ""),
            stage=str(said.get("stage") or ""),
            owner=str(said.get("owner") or ""),
            held_seconds=_number(said.get("held_seconds")),
            left_seconds=_number(said.get("left_seconds")),
            heard_seconds=_number(said.get("heard_seconds")),
            decides_seconds=_number(said.get("decides_seconds")),
            step=step if isinstance(step, Mapping) else {},
        )

    @property
    def phase(self) -> str:
        """Where the fleet is, as this host was told with its newest step."""
        return str(self.step.get("phase") or "") or ("ship" if self.stage == "leased" else self.stage)

    @property
    def far(self) -> str:
        """How far it is, in words: the phase, and the step that runs or was the last."""
        where = f"in phase {self.phase or 'begin'}"
        if not self.step:
            return where
        title, seconds = self.step.get("title", ""), self.step.get("seconds")
        since = f" for {seconds:.0f} s" if isinstance(seconds, (int, float)) else ""
        return f"{where}, {title!r} runs{since}" if self.step.get("state") == "intent" else f"{where}, after {title!r}"

    @property
    def silence(self) -> str:
        """When its driver was heard last, and within what time the host acts without it. "" where nothing is open."""
        if self.decides_seconds is None:
            return ""
        alone = f"this host decides by itself within {self.decides_seconds:.0f} s"
        if self.heard_seconds is None:
            return f"no driver is heard; {alone}"
        if self.silent:
            return f"its driver was not heard for {self.heard_seconds:.0f} s; {alone}"
        return f"its driver was heard {self.heard_seconds:.0f} s ago; without it {alone}"

    @property
    def silent(self) -> bool:
        """Whether its driver has missed a renewal: it is heard three times in a lease."""
        if self.left_seconds is None or self.heard_seconds is None:
            return self.decides_seconds is not None
        return self.heard_seconds > (self.heard_seconds + self.left_seconds) / 2

    @property
    def open(self) -> bool:
        """Whether a driver may go on with it, or its decision is still to come."""
        return self.left_seconds is not None or self.stage in ("armed", "switched", "back", "restoring")


@dataclass(frozen=True, slots=True)
class Finishing:
    """A copy of an earlier generation that was told to end and may work on for `seconds_left`. `state`: draining, stopping."""

    generation: int
    name: str
    instance: int
    state: str
    seconds_left: float


def ways_out(environment: str, doing: Iterable[Doing]) -> str:
    """What to type where the driver of an undecided deployment is silent, and from when on it helps. `doing` is what its hosts say."""
    left = max((one.left_seconds or 0.0 for one in doing), default=0.0)
    when = f"in {left:.0f} s, when the lease of its driver has run out" if left >= 0.5 else "now"
    return (
        f"shipway resume {environment} settles it {when} (shipway abort {environment}: backward); shipway attach {environment} watches it"
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
