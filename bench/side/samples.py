"""Stacks as a sampler counted them in; out, which functions were at work, by themselves and with all that they called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

WAITING = frozenset({"EpollSelector.select (selectors.py)", "Condition.wait (threading.py)", "_worker (concurrent/futures/thread.py)"})
"""Where a thread of the operator stands when it has nothing to do; the sampler cannot always tell."""

WAY = re.compile(r"\((click/|asyncio/|threading\.py|concurrent/|importlib/|<frozen runpy)|\(shipway/cli/")
MOST = 0.85
"""What leads to the work, or is beneath nearly every sample, tells nothing."""

_LINE = re.compile(r":\d+\)$")
_IMPORTING = "<frozen importlib._bootstrap"


@dataclass(frozen=True)
class Samples:
    """`alone` counts the function that ran, `beneath` every one that was on the stack, once. Imports are one function, waiting is none."""

    total: int
    alone: Counter[str]
    beneath: Counter[str]


def samples(lines: Iterable[str]) -> Samples:
    """Of lines as `outermost (file:line);…;innermost (file:line) COUNT`; what is no such line is left out."""
    total, alone, beneath = 0, Counter[str](), Counter[str]()
    for line in lines:
        stack, _, count = line.strip().rpartition(" ")
        if stack and count.isdigit():
            frames = [_function(frame) for frame in stack.split(";")]
            if frames[-1] in WAITING:
                continue
            total += int(count)
            alone[frames[-1]] += int(count)
            for frame in set(frames):
                beneath[frame] += int(count)
    return Samples(total, alone, beneath)


def top(found: Samples, rows: int = 12) -> Iterator[str]:
    """Markdown: the functions with most samples beneath them, and those with most of their own."""
    yield "| with what it calls | | by itself | |"
    yield "|---|---:|---|---:|"
    beneath = [(name, count) for name, count in found.beneath.most_common() if count < MOST * found.total and not WAY.search(name)]
    left, right = beneath[:rows], found.alone.most_common(rows)
    for (outer, below), (inner, own) in zip(left, right, strict=False):
        yield f"| `{outer}` | {below / found.total:.0%} | `{inner}` | {own / found.total:.0%} |"


def _function(frame: str) -> str:
    named = _LINE.sub(")", frame)
    return "import" if _IMPORTING in named else named
