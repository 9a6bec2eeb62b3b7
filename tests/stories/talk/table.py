"""What ran when in, the talk's figures out: the whole, the activation, the window in which users may meet a half-done deployment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

SECONDS: Mapping[str, float] = {
    "deploy_code": 5,
    "install_requirements": 20,
    "backup_database": 15,
    "migrate_database": 12,
    "collectstatic": 10,
    "switch_release": 1,
    "reload_server": 1,
}
"""The talk's steps, in its order, with its times."""


class Did(NamedTuple):
    """One step of one host, and when it ran: seconds since the epoch."""

    began: float
    ended: float
    host: str
    step: str


@dataclass(frozen=True)
class Run:
    """One deployment of the talk's steps. `scale` is the length of one of the talk's seconds; all other times are real seconds.

    `activation_seconds` is what the talk calls activating; `exposed_seconds` its "potential downtime" of the worst host: from the
    beginning of the migration until that host runs the new code.
    """

    scale: float
    did: tuple[Did, ...]
    whole_seconds: float
    activation_seconds: float
    exposed_seconds: float
    failed_requests: int | None = None
    requests: int | None = None

    def of(self, step: str) -> list[Did]:
        """Every run of this step on any host, in order."""
        return [did for did in self.did if did.step == step]

    def times(self, step: str) -> int:
        return len(self.of(step))

    def talk(self, seconds: float) -> float:
        """Real seconds as the talk's."""
        return seconds / self.scale


@dataclass(frozen=True)
class Wanted:
    """The talk's own numbers, in its seconds; None where it gives none."""

    whole: float | None
    activation: float | None
    exposed: float | None


NUMBERS: Mapping[str, Wanted] = {
    "in series": Wanted(128, None, 88),
    "in parallel": Wanted(64, None, 24),
    "prepare, then activate": Wanted(64, 13, 13),
    "shipway deploy": Wanted(None, None, None),
}
"""For two servers. The talk says 13 for its last; its own steps, 12 + 1 + 1, are 14."""

ACTIVATED = ("prepare, then activate", "shipway deploy")
"""Ways with an activation of their own; in the others it is the whole of what users may meet."""


def table(runs: Mapping[str, Run]) -> list[str]:
    """The table in Markdown: for each way the talk's numbers, and in brackets what was measured, in the talk's seconds."""
    lines = [
        "| how | whole deployment | activation | potential downtime | migrations | backups | failed requests |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, run in runs.items():
        wanted = NUMBERS[name]
        cells = [
            _cell(wanted.whole, run.talk(run.whole_seconds)),
            _cell(wanted.activation, run.talk(run.activation_seconds)) if name in ACTIVATED else "",
            _cell(wanted.exposed, run.talk(run.exposed_seconds)),
            str(run.times("migrate_database")),
            str(run.times("backup_database")),
            "" if run.failed_requests is None else f"{run.failed_requests} of {run.requests}",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def in_order(did: Iterable[Did]) -> tuple[Did, ...]:
    """By their beginning."""
    return tuple(sorted(did))


def _cell(wanted: float | None, measured: float) -> str:
    return f"{wanted:g} ({measured:.1f})" if wanted is not None else f"{measured:.1f}"
