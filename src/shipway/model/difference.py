"""Difference: what a release and its configuration would change against what is live on a host."""

from __future__ import annotations

from typing import Literal

from shipway_agent.record import dataclass


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path. Sizes are bytes, 0 on the side where it is not; `what` says more where content is the same (mode, kind, target)."""

    path: str
    change: Literal["added", "removed", "changed"]
    before_bytes: int = 0
    after_bytes: int = 0
    what: str = "content"


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One key of the configuration, `process.web.instances` or `env.DEBUG`. Values of the environment are never shown."""

    key: str
    change: Literal["added", "removed", "changed"]
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """`files` is None where the live release's manifest is not at hand. `live` is what serves now, "" where nothing does."""

    live: str
    wanted: str
    commit_before: str = ""
    commit_after: str = ""
    files: tuple[FileChange, ...] | None = ()
    settings: tuple[SettingChange, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing would change."""
        return self.live == self.wanted and not self.files and not self.settings
