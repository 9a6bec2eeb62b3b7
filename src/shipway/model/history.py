"""History: what is remembered. One Record a deployment, folded from its events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway_agent.record import dataclass, field


@dataclass(frozen=True, slots=True)
class Record:
    """One attempt. `verdict` is one of VERDICTS; `hosts` maps a host to its own timings, probes and decision.

    `what` is the order in a few words, where it was none to ship something: "scale web 2 → 4", or the program that `exec` ran.
    `points` are the restore points that were taken right before it, `migrations` those that it ran.
    """

    deployment: str
    kind: str
    app: str
    environment: str
    release: str
    commit: str
    version: str
    who: str
    began: float
    ended: float | None
    verdict: str
    exit_code: int | None
    message: str
    generation_before: int | None
    generation_after: int | None
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    what: str = ""
    points: tuple[str, ...] = ()
    migrations: tuple[str, ...] = ()


VERDICTS: Mapping[str, str] = {
    "live": "done, and proved on every host",
    "unchanged": "nothing to do: every host already served exactly this",
    "prepared": "prepared everywhere, nothing activated",
    "restored": "data is as it was at a restore point",
    "migrated": "migrations of the release that serves ran",
    "undone": "failed, and undone everywhere",
    "refused": "refused before anything was touched",
    "unsettled": "something was touched and a host is unreachable, behind or in disagreement",
    "ended": "a command of somebody's ran, and ended with its own exit code",
    "removed": "the application was taken off its hosts",
    "interrupted": "the driver died; the hosts settle or have settled it by themselves",
}


@dataclass(frozen=True, slots=True)
class History:
    """Records, newest first."""

    records: tuple[Record, ...] = ()
