"""Samples in, an Outcome out: the sums over what became of every request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

QUICK = ("keep-alive", "fresh")
"""The kinds whose time says something about the server: the others take as long as they were asked to."""


class Sample(NamedTuple):
    """One request. `at` is when it began, seconds since the epoch; `error` is empty when it was answered as it should be.

    `status` is 0 where no answer came, `version` is empty where none was said.
    """

    at: float
    seconds: float
    kind: str
    address: str
    status: int
    version: str
    error: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one kind of request: how many, and how long they took, in seconds. The times are of those that did not fail."""

    sent: int
    failed: int
    p50_seconds: float
    p99_seconds: float
    longest_seconds: float


@dataclass(frozen=True, slots=True)
class Span:
    """When a version answered: its first and its last answer's beginning, seconds since the epoch, and how many in between."""

    first_at: float
    last_at: float
    answers: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of every request. `p99_seconds` is over the quick kinds, whose requests ask the server for no time."""

    samples: tuple[Sample, ...]
    seconds: float
    sent: int
    failed: int
    failures: tuple[Sample, ...]
    p99_seconds: float
    kinds: Mapping[str, Totals]
    versions: Mapping[str, Span]

    def timeline(self, step_seconds: float = 1.0) -> list[tuple[float, Mapping[str, int]]]:
        """Answers per version over time: (seconds since the first request, {version: answers that began in this step})."""
        if not self.samples:
            return []
        began = min(sample.at for sample in self.samples)
        steps: dict[int, Counter[str]] = {}
        for sample in self.samples:
            if not sample.error:
                steps.setdefault(int((sample.at - began) / step_seconds), Counter())[sample.version] += 1
        return [(step * step_seconds, dict(steps[step])) for step in sorted(steps)]

    def __str__(self) -> str:
        lines = [f"{self.sent} requests in {self.seconds:.1f} s, {self.failed} failed, p99 {self.p99_seconds * 1000:.0f} ms"]
        for kind, totals in self.kinds.items():
            p50, p99, longest = (1000 * t for t in (totals.p50_seconds, totals.p99_seconds, totals.longest_seconds))
            times = f"p50 {p50:.0f} ms  p99 {p99:.0f} ms  longest {longest:.0f} ms"
            lines.append(f"  {kind:<10} {totals.sent:>7} sent  {totals.failed:>5} failed  {times}")
        for version, span in self.versions.items():
            lines.append(f"  version {version or '(none said)'}: {span.answers} answers over {span.last_at - span.first_at:.2f} s")
        for failure in self.failures[:20]:
            lines.append(f"  failed at {failure.at:.3f} after {failure.seconds:.3f} s: {failure.kind} {failure.address}: {failure.error}")
        if len(self.failures) > 20:
            lines.append(f"  … and {len(self.failures) - 20} more")
        return "\n".join(lines)


def fold(samples: Iterable[Sample]) -> Outcome:
    """The outcome of these samples, in order of their beginning."""
    ordered = tuple(sorted(samples))
    failures = tuple(sample for sample in ordered if sample.error)
    good = [sample for sample in ordered if not sample.error]
    versions: dict[str, Span] = {}
    for sample in good:
        known = versions.get(sample.version, Span(sample.at, sample.at, 0))
        versions[sample.version] = Span(known.first_at, sample.at, known.answers + 1)
    return Outcome(
        samples=ordered,
        seconds=max((sample.at + sample.seconds for sample in ordered), default=0.0) - ordered[0].at if ordered else 0.0,
        sent=len(ordered),
        failed=len(failures),
        failures=failures,
        p99_seconds=_percentile([sample.seconds for sample in good if sample.kind in QUICK], 0.99),
        kinds={kind: _totals([sample for sample in ordered if sample.kind == kind]) for kind in dict.fromkeys(s.kind for s in ordered)},
        versions=versions,
    )


def read(path: Path) -> list[Sample]:
    """The samples of a file, one JSON list a line; a last line that was torn off is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [Sample(*json.loads(line)) for line in lines[:-1]]


def _totals(samples: list[Sample]) -> Totals:
    times = [sample.seconds for sample in samples if not sample.error]
    failed = len(samples) - len(times)
    return Totals(len(samples), failed, _percentile(times, 0.5), _percentile(times, 0.99), max(times, default=0.0))


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
