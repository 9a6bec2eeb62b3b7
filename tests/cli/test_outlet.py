"""Whoever speaks never waits for a reader: text waits for it, a bound on it is kept, and one that is gone gets no more."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shipway.cli.outlet import Outlet

LINE = "x" * 1023 + "\n"
PIPE_LINES = 65536 // len(LINE)
"""What a pipe holds."""


@contextmanager
def pipe(held_characters: int = 32 << 20) -> Iterator[tuple[Outlet, int]]:
    """An outlet, and the end of its pipe that somebody may read or not."""
    reading, writing = os.pipe()
    file = os.fdopen(writing, "w", encoding="utf-8")
    try:
        yield Outlet(file, lambda count: f"({count} left out)", held_characters), reading
    finally:
        os.close(reading)
        with suppress(BrokenPipeError):
            file.close()


def read(descriptor: int, characters: int) -> str:
    seen = b""
    while len(seen) < characters:
        seen += os.read(descriptor, characters - len(seen))
    return seen.decode()


def test_what_is_written_arrives_whole_and_in_order() -> None:
    with pipe() as (outlet, reading):
        texts = [f"{number}\n" for number in range(1000)]
        for text in texts:
            assert outlet.write(text) == len(text)
        assert read(reading, len("".join(texts))) == "".join(texts)
        assert outlet.drain(30) and not outlet.behind and not outlet.gone


def test_a_reader_that_stands_still_holds_nobody_up_and_misses_nothing() -> None:
    with pipe() as (outlet, reading):
        for _ in range(4 * PIPE_LINES):
            outlet.write(LINE)  # would wait for ever on the pipe itself
        assert outlet.behind and not outlet.drain(0.01)
        assert read(reading, 4 * PIPE_LINES * len(LINE)) == LINE * 4 * PIPE_LINES
        assert outlet.drain(30)


def test_what_is_only_offered_is_left_out_beyond_a_bound_and_counted() -> None:
    with pipe(held_characters=8 * len(LINE)) as (outlet, reading):
        for _ in range(2 * PIPE_LINES):
            outlet.offer(LINE)
        outlet.write("the verdict\n")
        said = ""
        while not said.endswith("the verdict\n"):
            said += os.read(reading, 65536).decode()
        *lines, last = said.splitlines()
        told = [int(line[1:].partition(" ")[0]) for line in lines if line.endswith(" left out)")]
        taken = len(lines) - len(told)
        assert taken < 2 * PIPE_LINES
        assert sum(told) == 2 * PIPE_LINES - taken, "also where the writer made room for some in between"
        assert last == "the verdict"


def test_a_reader_that_went_away_is_noticed_and_nothing_is_raised() -> None:
    with pipe() as (outlet, reading):
        with open(os.devnull) as nothing:
            os.dup2(nothing.fileno(), reading)
        outlet.write(LINE)
        assert outlet.drain(30) and outlet.gone
        outlet.write(LINE)
        outlet.offer(LINE)
        assert not outlet.behind


def test_any_thread_may_write() -> None:
    with pipe() as (outlet, reading):
        threads = [threading.Thread(target=lambda: [outlet.write(LINE) for _ in range(10)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        assert read(reading, 80 * len(LINE)) == LINE * 80
        for thread in threads:
            thread.join()
