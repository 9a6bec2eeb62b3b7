"""bin/faults: which faults in; how many and how long, a line for each, a table and a summary out; exit code 1 for a broken promise."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.faults.case import Case, Family, Group, Result
from tests.faults.choice import Choice
from tests.faults.forecast import Forecast, enumerate_cases, forecast, forecast_sample
from tests.faults.ground import PATIENT, Times
from tests.faults.groups import groups
from tests.faults.matrix import Matrix, chosen, drawn, full_name, sampled
from tests.hosts import why_not

Chosen = tuple[Group, Family, Case]

ENOUGH_CASES = 5
"""Some die where they make a tree, and some do not come to it."""


def main(arguments: list[str] | None = None) -> int:
    wanted = parse(arguments)
    reason = why_not()
    if reason:
        print(f"bin/faults: {reason}. Nothing was changed.", file=sys.stderr)
        return 3
    try:
        families = chosen(groups(), [*wanted.group, *wanted.case])
    except ValueError as error:
        print(f"bin/faults: {error}", file=sys.stderr)
        return 2
    directory = Path(wanted.directory or tempfile.mkdtemp(prefix="faults-run-"))
    times = PATIENT if wanted.patient else Times()
    choice = Choice(wanted.variants, wanted.every, wanted.seed)
    if wanted.list:
        return tell_names(directory, times, families)
    report = Report(directory, wanted.resume, quiet=wanted.json)
    report.begin(forecast_of(wanted, choice, families, report), 1 if wanted.sample else wanted.jobs)
    if wanted.sample:
        run_jobs(1, directory, times, lambda matrix: sample(matrix, wanted.sample, wanted.seed), report)
    else:
        takers = Takers(families, set(wanted.case), choice)
        run_jobs(wanted.jobs, directory, times, lambda matrix: takers.take(matrix, report), report)
    summary = report.end(missing=sorted(set(wanted.case) - set(report.results)))
    if wanted.json:
        print(json.dumps(summary))
    return 1 if summary["broken"] or not summary["cases"] else 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/faults", description="The fault matrix on real hosts: every promise, checked from outside.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--all", action="store_true", help="every group: each call, message and stage once; it says how many hours")
    which.add_argument("--group", action="append", default=[], metavar="G", help="a group, or GROUP/FAMILY")
    which.add_argument("--case", action="append", default=[], metavar="NAME", help="one case by its full name")
    which.add_argument("--sample", type=int, metavar="N", help="N cases of each group, drawn by --seed")
    parser.add_argument("--variants", action="store_true", help="each variant of each point, not one drawn by --seed; twice as long")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="of each K cases of a family one, drawn by --seed")
    parser.add_argument("--list", action="store_true", help="print the names of all that is chosen, and run nothing but what counts them")
    parser.add_argument("--seed", default="0", help="of the variants, of --every, of the sample")
    parser.add_argument("--jobs", type=int, default=2, help="fleets at once")
    parser.add_argument("--patient", action="store_true", help="longer times, as in the suite: for a machine that is busy")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON and nothing else")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="skip what went well in the results of an earlier run")
    parser.add_argument("--directory", help="where results and evidence go; a new one in /tmp if not given")
    return parser.parse_args(arguments)


def forecast_of(wanted: argparse.Namespace, choice: Choice, families: list[tuple[Group, Family]], report: Report) -> Forecast:
    """What is to come."""
    if wanted.sample:
        return forecast_sample(drawn(groups(), wanted.seed), wanted.sample)
    if wanted.case:
        return Forecast(len(wanted.case), 0, sum(family.seconds for _, family in families) * len(wanted.case) / len(families))
    return forecast(families, choice, report.results)


def tell_names(directory: Path, times: Times, families: list[tuple[Group, Family]]) -> int:
    """The names of all cases on stdout, one a line; how many there are of each group on stderr."""
    with Matrix(directory, times) as matrix:
        counts = enumerate_cases(matrix, families, lambda name: print(name, flush=True))
    for group, count in counts.items():
        print(f"{group:10} {count:6,}", file=sys.stderr)
    print(f"{'all':10} {counts.total():6,}", file=sys.stderr)
    return 0


class Report:
    """Results as they come: a line on the screen and one in results.jsonl each."""

    def __init__(self, directory: Path, earlier: Path | None, *, quiet: bool) -> None:
        self.directory = directory
        self.results: dict[str, Result] = {}
        self._quiet = quiet
        self._began = time.monotonic()
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)
        if earlier is not None:
            for line in earlier.read_text(encoding="utf-8").splitlines():
                result = Result.from_json(json.loads(line))
                if result.ok:
                    self._keep(result)

    @property
    def file(self) -> Path:
        """What --resume takes."""
        return self.directory / "results.jsonl"

    def begin(self, coming: Forecast, jobs: int) -> None:
        """Say how many cases are to come, and about how long they take."""
        self._say(f"bin/faults: {coming.told(jobs)}; results so far: {self.file}")

    def found(self, family: str, cases: int, chosen: int) -> None:
        """Say how many cases a family has, once that is known, and how many of them will run."""
        self._say(f"       {family}: {chosen:,} of its {cases:,} cases")

    def done(self, name: str) -> bool:
        return name in self.results

    def add(self, result: Result) -> None:
        with self._lock:
            self._keep(result)
            decided = "" if result.decided_seconds is None else f", decided after {result.decided_seconds:.1f} s"
            what = "ok    " if result.ok else "BROKEN"
            self._say(
                f"{what} {result.name}  {result.seconds:.1f} s{decided}, {result.requests} requests, {result.failed} failed{_told(result)}"
            )
            for sentence in result.broken:
                self._say("       " + sentence.replace("\n", "\n       "))
            if not result.ok:
                self._say(f"       {result.evidence}\n       bin/faults --case '{result.name}'")

    def end(self, missing: list[str]) -> dict[str, Any]:
        """Print the table; write and answer the summary. `missing` are cases that were asked for and do not exist."""
        rows = [
            _row(name, [r for r in self.results.values() if r.group == name])
            for name in dict.fromkeys(r.group for r in self.results.values())
        ]
        total = _row("all", list(self.results.values()))
        columns = (
            "group",
            "cases",
            "promises broken",
            "requests",
            "failed",
            "to hosts away",
            "spare trees",
            "used",
            "longest time to a decision",
        )
        table = [columns, *(_cells(row) for row in rows), *([_cells(total)] if len(rows) > 1 else [])]
        widths = [max(len(line[column]) for line in table) for column in range(len(columns))]
        self._say("")
        for line in table:
            self._say(
                "  ".join(
                    cell.ljust(width) if not number else cell.rjust(width)
                    for number, (cell, width) in enumerate(zip(line, widths, strict=True))
                )
            )
        for name in missing:
            self._say(f"bin/faults: no such case: {name}")
        unmet = meets_no_spare_tree(self.results.values())
        if unmet:
            self._say("bin/faults: hosts had spare trees, and no release of so many cases was made of one")
        summary = {
            **total,
            "broken": total["broken"] + len(missing) + unmet,
            "seconds": round(time.monotonic() - self._began, 1),
            "groups": rows,
        }
        path = self.directory / "summary.json"
        path.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        self._say(f"\nsummary: {path}\nresults: {self.file} (--resume takes it)")
        return summary

    def _keep(self, result: Result) -> None:
        self.results[result.name] = result
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result.to_json()) + "\n")

    def _say(self, text: str) -> None:
        if not self._quiet:
            print(text, flush=True)


def meets_no_spare_tree(results: Iterable[Result]) -> bool:
    """Whether so many cases began with spare trees that one must have been used, and none was: the matrix does not meet them any more."""
    met = [result for result in results if result.spares]
    return len(met) >= ENOUGH_CASES and not any(result.used for result in met)


def _told(result: Result) -> str:
    return f", {result.used} of {result.spares} spare trees used" if result.spares else ""


def _row(name: str, results: list[Result]) -> dict[str, Any]:
    return {
        "group": name,
        "cases": len(results),
        "broken": sum(len(result.broken) for result in results),
        "requests": sum(result.requests for result in results),
        "failed": sum(result.failed for result in results),
        "away": sum(result.away for result in results),
        "spares": sum(result.spares for result in results),
        "used": sum(result.used for result in results),
        "longest_decision_seconds": max((result.decided_seconds or 0.0 for result in results), default=0.0),
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    numbers = (f"{row[key]:,}" for key in ("cases", "broken", "requests", "failed", "away", "spares", "used"))
    return (str(row["group"]), *numbers, f"{row['longest_decision_seconds']:.1f} s")


class Takers:
    """Families shared out among jobs: each takes the next one, the longest first, and a whole one, so that its fleet stands for long."""

    def __init__(self, families: list[tuple[Group, Family]], names: set[str], choice: Choice) -> None:
        self._left = sorted(families, key=lambda one: -forecast([one], choice, ()).seconds)
        self._names = names
        self._choice = choice
        self._lock = threading.Lock()

    def take(self, matrix: Matrix, report: Report) -> Iterator[Chosen]:
        while True:
            with self._lock:
                if not self._left:
                    return
                one = self._left.pop(0)
            group, family = one
            try:
                cases = matrix.cases(family)
            except Exception as error:
                report.add(Result(f"{group.name}/{family.name}", (f"its cases cannot be enumerated: {error}",), 0.0, None, 0, 0))
                matrix.leave()
                continue
            coming = [case for case in self._chosen(group, family, cases) if not report.done(full_name(group, family, case))]
            report.found(f"{group.name}/{family.name}", len(cases), len(coming))
            for case in coming:
                yield group, family, case

    def _chosen(self, group: Group, family: Family, cases: list[Case]) -> list[Case]:
        if self._names:
            return [case for case in cases if full_name(group, family, case) in self._names]
        return self._choice.of(f"{group.name}/{family.name}", cases)


def sample(matrix: Matrix, count: int, seed: str) -> Iterator[Chosen]:
    """What the suite draws by this seed, or more of the same."""
    for group, family in drawn(groups(), seed):
        for case in sampled(matrix, group, family, count, seed):
            yield group, family, case


def run_jobs(jobs: int, directory: Path, times: Times, cases: Callable[[Matrix], Iterator[Chosen]], report: Report) -> None:
    """Each job has a fleet of its own. Ctrl-C and SIGTERM let each finish its case, so that fleets are taken down and the table is told."""
    ended = threading.Event()

    def work() -> None:
        with Matrix(directory, times) as matrix:
            for group, family, case in cases(matrix):
                if ended.is_set():
                    return
                report.add(matrix.run(group, family, case))

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            print("bin/faults: each job ends with the case it is at", file=sys.stderr)
            ended.set()


if __name__ == "__main__":
    sys.exit(main())
