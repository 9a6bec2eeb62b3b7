"""`python -m tests.simulation SEED [--trace]`: a seed in, its history and the promises it broke out. `--seeds A..B --jobs N` for many."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time

from tests.simulation.history import words
from tests.simulation.story import Told, in_words, tell
from tests.simulation.world import World

CHUNK = 50


def main(argv: list[str]) -> int:
    """0 when every promise was kept, 1 when one was broken, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Stories of a simulated fleet, each from its seed.")
    parser.add_argument("seed", nargs="?", type=int, help="tell this story")
    parser.add_argument("--trace", action="store_true", help="print everything that happens, line by line")
    parser.add_argument("--seeds", metavar="A..B", help="tell all stories from A to B, B left out")
    parser.add_argument("--jobs", type=int, default=1, help="processes for --seeds")
    asked = parser.parse_args(argv)
    if asked.seeds is not None:
        first, _, last = asked.seeds.partition("..")
        if not (first.isdigit() and last.isdigit()):
            parser.error("--seeds is written 0..10000")
        return _many(range(int(first), int(last)), asked.jobs)
    if asked.seed is None:
        parser.error("a seed, or --seeds A..B")
    return _one(asked.seed, asked.trace)


def _one(seed: int, trace: bool) -> int:
    told = tell(seed, _traced if trace else lambda world: None)
    print(*in_words(told.story), sep="\n")
    if trace:
        print(*words(told.history, began=1_000.0), sep="\n")
    print(*(f"BROKEN: {sentence}" for sentence in told.broken), sep="\n")
    print(f"seed {seed}: {len(told.broken) or 'no'} promises broken in {len(told.history)} lines of history")
    return 1 if told.broken else 0


def _traced(world: World) -> None:
    world.traced = True


def _many(seeds: range, jobs: int) -> int:
    began, bad = time.monotonic(), 0
    with multiprocessing.Pool(jobs) as pool:
        for n, broken in enumerate(pool.imap_unordered(_broken, seeds, CHUNK), 1):
            if broken is not None:
                bad += 1
                print(f"{broken.broken[0]}\n  python -m tests.simulation {broken.story.seed} --trace", flush=True)
            if n % 1000 == 0 and sys.stderr.isatty():
                print(f"{n} of {len(seeds)}", file=sys.stderr, end="\r")
    print(f"{len(seeds)} stories, {bad} with broken promises, {time.monotonic() - began:.0f} s")
    return 1 if bad else 0


def _broken(seed: int) -> Told | None:
    told = tell(seed)
    return Told(told.story, [], told.broken) if told.broken else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
