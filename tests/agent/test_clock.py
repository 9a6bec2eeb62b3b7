"""Times that nobody can set: since boot, of which boot, and when a process started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shipway_agent import clock


def test_the_boot_clock_runs_on_and_does_not_follow_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: -1e9)
    first = clock.boot_now()
    assert 0 < first <= clock.boot_now()
    assert clock.wall_now() == -1e9


def test_a_test_can_reboot(monkeypatch: pytest.MonkeyPatch) -> None:
    real = clock.boot_id()
    assert len(real) == 36 and real == clock.boot_id()
    monkeypatch.setenv("SHIPWAY_BOOT_ID", "the next")
    assert clock.boot_id() == "the next"


def test_a_process_is_named_by_its_pid_and_its_start() -> None:
    own = clock.process_start(os.getpid())
    assert own is not None and own == clock.process_start(os.getpid())
    assert own / os.sysconf("SC_CLK_TCK") <= clock.boot_now()


def test_a_process_that_is_gone_or_a_zombie_has_no_start() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        assert clock.process_start(child.pid) is not None
        assert child.stdin is not None
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has taken its exit code
        assert clock.process_start(child.pid) is None
    finally:
        child.kill()
        child.wait()
    assert clock.process_start(child.pid) is None


def test_a_command_name_with_spaces_and_parentheses_confuses_nobody(tmp_path: Path) -> None:
    program = f"{tmp_path}/a) S 1 (b"
    os.symlink(sys.executable, program)
    with subprocess.Popen([program, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:  # its end closes stdin
        start = clock.process_start(child.pid)
        assert start is not None and start >= (clock.process_start(os.getpid()) or 0)
