"""What a file is known by: any write behind the comparison shows, however soon it comes."""

from __future__ import annotations

import os
import time
from pathlib import Path

from shipway_agent.identity import age, identity, is_young


def test_no_later_write_gets_the_time_of_what_was_compared(tmp_path: Path) -> None:
    """Not even where a file system counts in two seconds; many kernels give one time to all that is written within some milliseconds."""
    with (tmp_path / "file").open("wb") as file:
        written = age(file.fileno())[4]
        assert written // 2_000_000_000 < time.time_ns() // 2_000_000_000
        file.write(b"more")
        file.flush()
        assert identity(os.fstat(file.fileno()))[4] > written


def test_links_and_reading_leave_the_identity_as_it_is(tmp_path: Path) -> None:
    """Releases share files by links, and whatever runs from one reads it."""
    file = tmp_path / "file"
    file.write_bytes(b"content")
    with file.open("rb") as opened:
        known = age(opened.fileno())
    (tmp_path / "link").hardlink_to(file)
    assert (tmp_path / "link").read_bytes() == b"content"
    assert identity((tmp_path / "link").stat()) == identity(file.stat()) == known


def test_a_time_of_whole_seconds_stays_young_for_longer() -> None:
    """A file system that gave it knows no others: what is written two seconds later may get the same."""
    now = time.time_ns()
    assert is_young(now - now % 1_000_000_000)
    assert not is_young(now - now % 1_000_000_000 - 3_000_000_000)
    assert is_young(now - 1) and not is_young(now - 500_000_001)
