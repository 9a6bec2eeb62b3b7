"""Setting: one variable of the application's environment, with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping

from shipway_agent.record import dataclass, field


@dataclass(frozen=True, slots=True)
class Setting:
    """What commands of the application find under `name`; `owner` is "" for all of them, else `process.web` or `task.migrate`.

    `source` says where it comes from. `value` is None where nobody may see it (`secret`) and where only a host knows it. Of a secret,
    `fingerprint` tells whether two are the same, and `fault` why it cannot be had. `live` is how each host's live generation compares:
    same, changed, absent, unknown, or extra for what only the host has.
    """

    name: str
    owner: str
    source: str
    value: str | None = None
    secret: bool = False
    fingerprint: str = ""
    fault: str = ""
    live: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Its name among all of a generation."""
        return f"{self.owner}.{self.name}" if self.owner else self.name
