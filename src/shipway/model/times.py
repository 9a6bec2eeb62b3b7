"""Times: how long the phases of a deployment may take, by what those before it took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class Times:
    """`runs` deployments of this `kind` are what it rests on. `phases` are seconds by name, in the order in which they come."""

    kind: str
    runs: int
    phases: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """All phases together."""
        return sum(self.phases.values())

    def to_json(self) -> dict[str, Any]:
        """As an event has it: {"kind", "runs", "seconds", "phases": {name: seconds}}."""
        phases = {name: round(seconds, 3) for name, seconds in self.phases.items()}
        return {"kind": self.kind, "runs": self.runs, "seconds": round(self.seconds, 3), "phases": phases}
