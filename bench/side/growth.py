"""Nothing in; out, what Shipway's deployments cost as one thing grows and all else stays: hosts, files, bytes, the history."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from bench.side.contestant import FIRST, NONE, ROLLBACK, SMALL, Command, Stage, Step
from bench.side.contestants.shipway import SHIPWAY, Shipway
from bench.side.measure import Tell, measure
from bench.side.recipe import Shape, recipe
from bench.side.result import Cell

LITTLE = Shape(files=200, file_bytes=(2000, 8000), binaries=0, tasks=False)
STATUS = Step("status", times=3)


@dataclass(frozen=True)
class Growth:
    """One row of the second table."""

    name: str
    hosts: int = 1
    shape: Shape = LITTLE
    deployments: int = 0


AXES: Mapping[str, tuple[Growth, ...]] = {
    "hosts": tuple(Growth(f"hosts: {count}", hosts=count) for count in (1, 4, 16, 64, 200)),
    "files": tuple(
        Growth(f"files: {count:,}", shape=replace(LITTLE, files=count, file_bytes=(300, 1500))) for count in (200, 2000, 20_000, 200_000)
    ),
    "bytes": tuple(Growth(f"bytes: {binaries * 20 or 1:,} MB", shape=replace(LITTLE, binaries=binaries)) for binaries in (0, 1, 10, 100)),
    "history": tuple(Growth(f"history: {count:,} deployments", deployments=count) for count in (1, 10_000)),
}
"""Each begins with the same 200 files of 1 MB on one host."""


class Growing(Shipway):
    """`deployments` are in the operator's ledger before the second deployment, each with as many events as the first one had.

    They are copied by SQL into the ledger's own schema. A host's journal keeps 200 deployments and no more: `bench.age` measures that.
    """

    def __init__(self, deployments: int) -> None:
        self.steps = (FIRST, SMALL, ROLLBACK, NONE, STATUS, *((Step("history"),) if deployments else ()))
        self._deployments = deployments

    def command(self, stage: Stage, step: Step) -> Command:
        if step.name == "small" and self._deployments > 1:
            multiply(stage.place / "project/.shipway/ledger.db", self._deployments)
        if step.name == "history":
            return replace(super().command(stage, STATUS), argv=[str(SHIPWAY), "history"])
        return super().command(stage, step)

    def task_seconds(self, step: Step) -> float:
        return 0.0


COPY = """
INSERT INTO events (deployment, at, kind, host, data)
SELECT ?2, at + ?3, kind, host, replace(data, ?1, ?2) FROM events WHERE deployment = ?1
"""


def multiply(ledger: Path, deployments: int) -> None:
    """The ledger's one deployment, that many times, each a minute before the next one."""
    with closing(sqlite3.connect(ledger)) as db, db:
        (first,) = db.execute("SELECT deployment FROM events WHERE deployment <> '' LIMIT 1").fetchone()
        for number in range(1, deployments):
            name, shift = f"old-{number}-{first}", -60.0 * (deployments - number)
            db.execute(COPY, (first, name, shift))


def grown(axes: Mapping[str, tuple[Growth, ...]], most_hosts: int, most_files: int, tell: Tell) -> Iterator[Cell]:
    """The cells of these axes, none with more hosts or files than that."""
    for axis in axes.values():
        for growth in axis:
            if growth.hosts <= most_hosts and growth.shape.files <= most_files:
                contestant = Growing(growth.deployments)
                for cell in _measured(contestant, growth, tell):
                    yield replace(cell, growth=growth.name)


def _measured(contestant: Growing, growth: Growth, tell: Tell) -> list[Cell]:
    print(growth.name, file=sys.stderr, flush=True)
    return measure(contestant, recipe(growth.shape), "lan", growth.hosts, {step.name for step in contestant.steps}, tell)
