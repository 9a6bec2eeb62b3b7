"""What a disk may be after a loss of power: synced is there, all else may be, and names and contents are lost apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.power.calls import calls, is_torn
from tests.faults.power.platter import Platter

TOP = "/top"


def hexed(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def platter(place: Path, *lines: str) -> Platter:
    """A directory that holds the file `old`; lines are strace's, with 'text' and <path> in place of its hex."""
    (place / "old").write_text("before")
    found = Platter(TOP, place)
    found.take(calls(told(line) for line in lines))
    return found


def told(line: str) -> str:
    parts = line.split("'")
    parts[1::2] = [f'"{hexed(part)}"' for part in parts[1::2]]
    text = "'".join(parts).replace("'", "")
    for path in {part.split(">")[0] for part in text.split("<")[1:] if part.startswith("/")}:
        text = text.replace(f"<{path}>", f"<{hexed(path)}>")
    return text


WRITE_ASIDE = (
    "7 openat(3</top>, 'new', O_WRONLY|O_CREAT|O_EXCL, 0600) = 4</top/new>",
    "7 write(4</top/new>, 'after', 5) = 5",
)
SYNC = "7 fsync(4</top/new>) = 0"
RENAME = "7 renameat(3</top>, 'new', 3</top>, 'old') = 0"
SYNC_FOLDER = "7 fsync(3</top>) = 0"


def possible(platter: Platter, moment: int) -> list[dict[bytes, object]]:
    """Every content that a loss at that moment may leave, each once."""
    pending = platter.pending(moment)
    found = []
    for number in range(1 << len(pending)):
        content = platter.left(moment, [one for at, one in enumerate(pending) if number >> at & 1]).content()
        found += [] if content in found else [content]
    return found


def test_a_rename_without_a_sync_may_leave_an_empty_file(tmp_path: Path) -> None:
    held = platter(tmp_path, *WRITE_ASIDE, RENAME, SYNC_FOLDER)
    assert held.pending(1) == [1]
    assert held.left(1, ()).content() == {b"/old": b""}


def test_content_that_was_synced_has_no_name_until_the_folder_is(tmp_path: Path) -> None:
    held = platter(tmp_path, *WRITE_ASIDE, SYNC)
    assert held.left(1, ()).content() == {b"/old": b"before"}


def test_the_right_order_leaves_the_old_or_the_new_and_nothing_else(tmp_path: Path) -> None:
    held = platter(tmp_path, *WRITE_ASIDE, SYNC, RENAME, SYNC_FOLDER)
    for moment in range(held.moments):
        assert {content[b"/old"] for content in possible(held, moment)} <= {b"before", b"after"}
    assert possible(held, 2) == [{b"/old": b"after"}]


def test_a_sync_covers_what_was_done_before_it_began(tmp_path: Path) -> None:
    held = platter(
        tmp_path,
        WRITE_ASIDE[0],
        "7 fsync(4</top/new> <unfinished ...>",
        "8 write(4</top/new>, 'after', 5) = 5",
        "7 <... fsync resumed>) = 0",
        SYNC_FOLDER,
    )
    assert held.left(2, ()).content() == {b"/old": b"before", b"/new": b""}


def test_a_part_of_the_writes_leaves_holes_of_zeros(tmp_path: Path) -> None:
    held = platter(tmp_path, "7 pwrite64(4</top/old>, 'x', 1, 2) = 1", "7 pwrite64(4</top/old>, 'y', 1, 8) = 1")
    assert held.left(0, [1]).content() == {b"/old": b"before\0\0y"}


def test_a_call_that_nobody_taught_it_is_no_silence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="copy_file_range"):
        platter(tmp_path, "7 copy_file_range(4</top/old>, NULL, 5</top/old>, NULL, 9, 0) = 9")


def test_a_process_that_dies_in_a_call_leaves_a_recording_that_is_not_whole() -> None:
    assert not is_torn(["7 fsync(4<\\x2f>) = 0", "7 +++ killed by SIGKILL +++"])
    assert not is_torn(["7 fsync(4<\\x2f> <unfinished ...>", "7 <... fsync resumed>) = 0"])
    assert is_torn(["7 fsync(4<\\x2f> <unfinished ...>", "7 +++ killed by SIGKILL +++"])
    assert is_torn(['7 write(4<\\x2f>, "\\x2f", 1) = ?', "7 +++ killed by SIGKILL +++"])
