"""bin/bench: Shipway and its peers side by side, on the same hosts, in one run. Markdown on stdout, progress on stderr."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from bench.side import groups, machine
from bench.side.contestant import Step
from bench.side.contestants import CONTESTANTS
from bench.side.growth import AXES, grown
from bench.side.measure import measure
from bench.side.net import LINES
from bench.side.recipe import recipe
from bench.side.result import Cell, Result
from bench.side.tables import tables
from tests.hosts import why_not

STEPS = ("first", "small", "rollback", "none", "status", "logins")


def main(words: Sequence[str]) -> int:
    wanted = _parser().parse_args(words)
    reason = why_not() or groups.why_not()
    if reason:
        print(f"bin/bench: {reason}. Nothing was changed.", file=sys.stderr)
        return 3
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing is left then either
    run = Run(wanted.json)
    try:
        if wanted.growth is not None:
            chosen = {name: axis for name, axis in AXES.items() if name in wanted.growth}
            for cell in grown(chosen, wanted.most_hosts, wanted.most_files, _tell):
                run.add(cell)
        else:
            _side_by_side(wanted, run)
    except KeyboardInterrupt:
        print("bin/bench: interrupted; the tables hold what there is", file=sys.stderr)
    if not wanted.profile:
        print("\n".join(tables(run.result())))
    return 1 if any(cell.wrong for cell in run.cells) else 0


class Run:
    """What has been measured so far; `file` holds it after each contestant, when there is one."""

    def __init__(self, file: Path | None) -> None:
        self.cells: list[Cell] = []
        self.missing: dict[str, str] = {}
        self._file = file
        self._about = {**machine.about(), "load before": f"{machine.load():.1f}"}

    def add(self, *cells: Cell) -> None:
        self.cells += cells
        if self._file:
            self.result().write(self._file)

    def result(self) -> Result:
        return Result({**self._about, "load after": f"{machine.load():.1f}"}, recipe().packed_bytes, self.cells, self.missing)


def _side_by_side(wanted: argparse.Namespace, run: Run) -> None:
    for name in wanted.only:
        lacks = CONTESTANTS[name].missing()
        if lacks:
            run.missing[name] = lacks
            print(f"{name}: {lacks}", file=sys.stderr)
    for line in wanted.nets:
        for count in wanted.hosts:
            for _ in range(wanted.runs):
                for name in (name for name in wanted.only if name not in run.missing):
                    profiled = _show if wanted.profile and name == "shipway" else None
                    run.add(*measure(CONTESTANTS[name], recipe(CONTESTANTS[name].shape), line, count, set(wanted.steps), _tell, profiled))


def _show(step: Step, lines: Iterable[str]) -> None:
    print("\n".join(("", f"### {step.name}", *lines)), flush=True)


def _tell(cell: Cell) -> None:
    """One line a cell, as it comes."""
    print(
        f"{cell.line:9} {cell.hosts:3} {cell.contestant:11} {cell.step:8} {cell.wall_seconds:7.2f} s"
        f"  operator {cell.own_cpu_seconds:6.2f} cpu-s + ssh {cell.ssh_cpu_seconds:5.2f}, {cell.operator_bytes / 1e6:5.0f} MB"
        f"  hosts {cell.hosts_cpu_seconds:6.2f} cpu-s  sent {cell.sent_bytes / 1e6:8.3f} MB  logins {cell.logins}"
        f"{'  WRONG: ' + cell.wrong if cell.wrong else ''}",
        file=sys.stderr,
        flush=True,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bin/bench", description=__doc__)
    parser.add_argument("--hosts", type=_numbers, default=[1, 16], help="how many, separated by commas (default: 1,16)")
    parser.add_argument("--nets", type=_names(LINES), default=["lan", "rtt40"], help=f"of {', '.join(LINES)} (default: lan,rtt40)")
    parser.add_argument("--only", type=_names(CONTESTANTS), default=list(CONTESTANTS), help=f"of {', '.join(CONTESTANTS)} (default: all)")
    parser.add_argument("--steps", type=_names(STEPS), default=list(STEPS), help=f"of {', '.join(STEPS)} (default: all)")
    parser.add_argument("--runs", type=int, default=1, help="how often everything is repeated; tables show the least (default: 1)")
    parser.add_argument(
        "--profile", action="store_true", help="where the time goes, of Shipway's operator and its first host's agent; no table"
    )
    parser.add_argument(
        "--growth", type=_names(AXES), nargs="?", const=list(AXES), help=f"the second table, of {', '.join(AXES)} (default: all)"
    )
    parser.add_argument("--most-hosts", type=int, default=64, help="of --growth (default: 64)")
    parser.add_argument("--most-files", type=int, default=20_000, help="of --growth (default: 20000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        words = text.split(",")
        wrong = [word for word in words if word not in known]
        if wrong:
            raise argparse.ArgumentTypeError(f"{', '.join(wrong)}: not one of {', '.join(known)}")
        return words

    return names


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
