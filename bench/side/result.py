"""What was measured, as data: one cell a contestant, line, number of hosts, step and repetition; JSON in and out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cell:
    """`wrong` says what a host served that it should not, or how the command ended; a cell with it counts nowhere.

    `activation_seconds` is from the first host's switch to the last one's, None where nothing switched. CPU of hosts is counted until
    one second after the end. `operator_bytes` is the operator's memory at its height without its ssh processes. `growth` names what is
    larger than usual, as "AXIS: SIZE"; "" in a run side by side.
    """

    contestant: str
    line: str
    hosts: int
    step: str
    wrong: str
    wall_seconds: float
    task_seconds: float
    operator_cpu_seconds: float
    ssh_cpu_seconds: float
    operator_bytes: int
    hosts_cpu_seconds: float
    sent_bytes: int
    received_bytes: int
    sent_packets: int
    logins: int
    activation_seconds: float | None = None
    growth: str = ""

    @property
    def overhead_seconds(self) -> float:
        return self.wall_seconds - self.task_seconds

    @property
    def own_cpu_seconds(self) -> float:
        """The operator's, its ssh processes aside."""
        return self.operator_cpu_seconds - self.ssh_cpu_seconds


@dataclass(frozen=True)
class Result:
    """`about` describes machine, date and load; `packed_bytes` is the release as one compressed archive."""

    about: Mapping[str, Any]
    packed_bytes: int
    cells: Sequence[Cell]
    missing: Mapping[str, str] = field(default_factory=dict)

    def figure(self, of: Callable[[Cell], float | None], contestant: str, line: str, hosts: int, step: str) -> float | None:
        """The least of the good cells: what is more than that, other programs took. None where there is none."""
        wanted = (contestant, line, hosts, step, "")
        good = [cell for cell in self.cells if not cell.wrong]
        found = [of(cell) for cell in good if (cell.contestant, cell.line, cell.hosts, cell.step, cell.growth) == wanted]
        known = [figure for figure in found if figure is not None]
        return min(known, default=None)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Result:
    """What `write` wrote. Raises KeyError and TypeError for anything else."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return Result(found["about"], found["packed_bytes"], [Cell(**cell) for cell in found["cells"]], found["missing"])
