"""A command runs, its lines come as they are written, and nothing of it stays."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from shipway.model.intent import Command
from shipway.release.command import LAST_LINES, SHOWN_LINES, Ending, run

PATH = {"PATH": os.environ["PATH"]}


def ending(
    command: Command, tmp_path: Path, timeout_seconds: float = 60.0, stop: threading.Event | None = None
) -> tuple[Ending, list[str]]:
    lines: list[str] = []
    done = run(command, directory=tmp_path, environment=PATH, timeout_seconds=timeout_seconds, on_line=lines.append, stop=stop)
    return done, lines


def gone(pid: int) -> bool:
    """Whether the process is gone or only waits to be reaped by whoever adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def wait_until_gone(pid: int) -> None:
    until = time.monotonic() + 30
    while not gone(pid):
        assert time.monotonic() < until, f"process {pid} still runs"
        time.sleep(0.02)


def test_a_string_is_for_the_shell_and_a_list_is_not(tmp_path: Path) -> None:
    assert ending("echo $((1+1)) | cat", tmp_path)[1] == ["2"]
    assert ending(("echo", "$((1+1)) | cat"), tmp_path)[1] == ["$((1+1)) | cat"]


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("true", 0), ("kill -9 $$", -9), (("/nowhere/x",), 127)])
def test_how_it_ended(tmp_path: Path, command: Command, code: int) -> None:
    assert ending(command, tmp_path)[0].code == code


def test_lines_of_both_streams_in_order_without_what_moves_a_terminal(tmp_path: Path) -> None:
    done, lines = ending(
        r"printf 'a\033[31mred\033[0m\n\033]0;title\007b\r50%%\rdone\n'; printf 'e\tf\351' >&2; printf '\000\010'", tmp_path
    )
    assert lines == ["ared", "b", "50%", "done", "e       f\ufffd"]
    assert done.lines == tuple(lines)


def test_only_the_last_lines_are_kept_and_long_ones_are_cut_in_pieces(tmp_path: Path) -> None:
    done, lines = ending("seq 1000; head -c 10000 /dev/zero | tr '\\0' x", tmp_path)
    assert len(lines) == 1003
    assert [len(line) for line in lines[-3:]] == [4096, 4096, 1808]
    assert done.lines == tuple(lines[-LAST_LINES:])


def test_lines_come_while_it_runs(tmp_path: Path) -> None:
    """It waits for a file that is made when its first line is heard."""

    def heard(line: str) -> None:
        (tmp_path / "heard").touch()

    done = run(
        "echo one; while [ ! -e heard ]; do sleep 0.05; done", directory=tmp_path, environment=PATH, timeout_seconds=60, on_line=heard
    )
    assert done.code == 0


def test_it_sees_the_given_environment_and_nothing_to_read(tmp_path: Path) -> None:
    done = ending("env | grep -v '^_=\\|^PWD=\\|^SHLVL=\\|^OLDPWD='; cat", tmp_path)
    assert done[1] == [f"PATH={PATH['PATH']}"]


def test_past_its_time_the_whole_group_ends(tmp_path: Path) -> None:
    done, lines = ending("trap '' TERM; sleep 300 & echo $!; echo $$; wait; sleep 300", tmp_path, timeout_seconds=1)
    assert done.code is None
    assert not done.stopped
    for line in lines:
        wait_until_gone(int(line))


def test_somebody_may_stop_it(tmp_path: Path) -> None:
    stop = threading.Event()
    lines: list[str] = []

    def heard(line: str) -> None:
        lines.append(line)
        stop.set()

    done = run("echo $$; sleep 300", directory=tmp_path, environment=PATH, timeout_seconds=300, on_line=heard, stop=stop)
    assert done.stopped
    assert done.code is None
    wait_until_gone(int(lines[0]))


def test_an_interrupt_ends_it(tmp_path: Path) -> None:
    pids: list[int] = []

    def heard(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("echo $$; sleep 300", directory=tmp_path, environment=PATH, timeout_seconds=300, on_line=heard)
    wait_until_gone(pids[0])


def test_what_it_leaves_behind_does_not_hold_us_up(tmp_path: Path) -> None:
    done, lines = ending("sleep 300 & echo $!", tmp_path)
    assert done.code == 0
    wait_until_gone(int(lines[0]))


def test_it_may_close_its_output_and_go_on(tmp_path: Path) -> None:
    done, _ = ending("exec >&- 2>&-; sleep 0.5; exit 3", tmp_path)
    assert done.code == 3


def test_a_child_that_ignores_the_end_of_its_parent_is_killed(tmp_path: Path) -> None:
    done, lines = ending(("sh", "-c", "(trap '' TERM HUP; sleep 300) & echo $!"), tmp_path)
    assert done.code == 0
    try:
        wait_until_gone(int(lines[0]))
    except AssertionError:
        os.kill(int(lines[0]), signal.SIGKILL)
        raise


def test_a_command_that_floods_is_told_by_its_beginning_and_its_end(tmp_path: Path) -> None:
    done, lines = ending("yes no | head -n 300000; echo the end; exit 3", tmp_path)
    assert done.code == 3
    assert done.lines[-2:] == ("no", "the end")
    assert len(lines) == SHOWN_LINES + 1
    assert lines[-1] == f"… and {300_001 - SHOWN_LINES:,} lines more that are not shown"
