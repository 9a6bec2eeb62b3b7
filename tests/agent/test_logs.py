"""Logs stay within their bound, keep their last lines, and are read without what a terminal would obey."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway_agent import logs
from shipway_agent.folder import Folder
from shipway_agent.text import MAX_LINE


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with Folder(str(tmp_path), os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)) as one:
        yield one


def write(folder: Folder, text: str) -> None:
    fd = logs.open_log(folder, "web.1.log")
    os.write(fd, text.encode())
    os.close(fd)


def test_the_last_lines_come_without_escape_sequences(folder: Folder) -> None:
    write(folder, "one\n\x1b[31mred\x1b[0m\n\x1b]0;title\x07three\n")
    assert logs.last(folder, "web.1.log", 2) == ["red", "three"]
    assert logs.last(folder, "web.1.log", 10) == ["one", "red", "three"]


def test_a_log_that_does_not_exist_has_no_lines(folder: Folder) -> None:
    assert logs.last(folder, "web.1.log", 5) == []


def test_a_log_within_its_bound_is_left_alone(folder: Folder) -> None:
    write(folder, "x" * 100)
    assert logs.rotate(folder, 100) == []


def test_a_grown_log_becomes_the_first_older_one_and_no_line_is_lost(folder: Folder, tmp_path: Path) -> None:
    for number in range(5):
        write(folder, f"line {number}\n" * 10)
        assert logs.rotate(folder, 50) == ["web.1.log"]
    assert sorted(os.listdir(tmp_path)) == ["web.1.log", "web.1.log.1", "web.1.log.2"]
    assert (tmp_path / "web.1.log").read_text() == ""
    assert logs.last(folder, "web.1.log", 3) == ["line 4"] * 3
    assert (tmp_path / "web.1.log.2").read_text().endswith("line 3\n")


def test_a_log_that_outran_us_keeps_only_its_end(folder: Folder, tmp_path: Path) -> None:
    write(folder, "".join(f"{number:07}\n" for number in range(1000)))
    logs.rotate(folder, 80)
    assert (tmp_path / "web.1.log.1").read_text().split() == [f"{number:07}" for number in range(990, 1000)]


def test_lines_since_a_process_was_started(folder: Folder) -> None:
    write(folder, "of an earlier start\n")
    offset = logs.size_of(folder, "web.1.log")
    write(folder, "boom\nbang\n")
    assert logs.since(folder, "web.1.log", offset, 10) == ["boom", "bang"]


def test_a_symbolic_link_in_place_of_a_log_is_refused(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "web.1.log").symlink_to("/etc/passwd")
    with pytest.raises(Exception, match="symbolic link"):
        logs.open_log(folder, "web.1.log")
    with pytest.raises(Exception, match="symbolic link"):
        logs.last(folder, "web.1.log", 3)


def test_a_process_that_goes_on_writing_loses_nothing_but_what_falls_between_copy_and_truncate(folder: Folder, tmp_path: Path) -> None:
    """Two hundred thousand lines, rotated all the while: each file is whole, and its lines are consecutive."""
    fd = logs.open_log(folder, "web.1.log")
    writer = subprocess.Popen([sys.executable, "-c", "for n in range(200_000): print(n)"], stdout=fd)
    os.close(fd)
    rotations = 0
    while writer.poll() is None:
        rotations += len(logs.rotate(folder, 100_000))
        time.sleep(0.005)
    assert rotations > 3
    for name in os.listdir(tmp_path):
        numbers = [int(line) for line in (tmp_path / name).read_text().split("\n")[1:-1]]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
    write(folder, "end\n")
    assert logs.last(folder, "web.1.log", 1) == ["end"]


def test_each_generation_has_its_own_log_so_that_a_candidate_is_heard_beside_what_serves(folder: Folder, tmp_path: Path) -> None:
    for name in (logs.log_of("web", 1, 2), logs.log_of("web", 2, 2), logs.log_of("web", 1, 10), logs.log_of("worker", 1, 11)):
        (tmp_path / name).touch()
    assert logs.logs_of(folder, "web") == ["web.1.000010.log"]
    assert logs.logs_of(folder, "nothing") == []


def test_logs_of_generations_that_are_gone_go_with_them(folder: Folder, tmp_path: Path) -> None:
    for name in ("web.1.000001.log", "web.1.000001.log.1", "web.1.000002.log", "web.1.000002.log.2", "tasks.log", "supervisor.log.1"):
        (tmp_path / name).touch()
    assert logs.forget(folder, frozenset({2})) == ["web.1.000001.log", "web.1.000001.log.1"]
    assert sorted(os.listdir(tmp_path)) == ["supervisor.log.1", "tasks.log", "web.1.000002.log", "web.1.000002.log.2"]


def test_a_program_that_never_ends_its_line_is_heard_too(folder: Folder) -> None:
    write(folder, "begins\n" + "x" * 10_000_000 + "the end")
    (line,) = logs.last(folder, "web.1.log", 20)
    assert line.startswith("xxx")
    assert len(line) <= MAX_LINE


def test_the_name_of_a_log_says_whose_it_is_whatever_the_process_is_called() -> None:
    for process in ("web", "web.1", "a.000001.log", "worker-é"):
        assert logs.whose(logs.log_of(process, 12, 345)) == (process, 12, 345)
    for name in ("supervisor.log", "tasks.log", "web.log", "web.1.log", "web.1.12345.log", "web..000001.log", ".1.000001.log"):
        assert logs.whose(name) is None, name
    for name in (
        "web.1.000001.log.1",
        "web.x.000001.log",
        "web.1.00000x.log",
        "web.1.000001",
        "web.\u0661.000001.log",
        logs.log_of_job("nightly"),
    ):
        assert logs.whose(name) is None, name
