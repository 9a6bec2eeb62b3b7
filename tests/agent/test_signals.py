"""What `nohup` or a shell's `&` made of the signals does not reach a task or a process of the application."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.agent.wire import SOURCES

SAYS = f"""
import subprocess, sys
sys.path.insert(0, {SOURCES!r})
from shipway_agent.signals import hear_what_is_ignored, set_all_back
{{}}
print(subprocess.check_output(["grep", "-E", "SigIgn|SigBlk", "/proc/self/status"], text=True))
"""


def sets_of_a_child(code: str) -> dict[str, int]:
    """Which signals the child of a program under `nohup` in the background ignores and blocks."""
    ignoring = ["/bin/sh", "-c", 'trap "" INT QUIT HUP USR1; exec "$@"', "-"]
    said = subprocess.run([*ignoring, sys.executable, "-I", "-S", "-c", SAYS.format(code)], capture_output=True, text=True, check=True)
    return {line.split(":")[0]: int(line.split(":")[1], 16) for line in said.stdout.splitlines() if line}


def test_whoever_started_us_ignores_them() -> None:
    assert sets_of_a_child("")["SigIgn"] & 1 << signal.SIGQUIT - 1


def test_what_is_ignored_is_heard_and_not_inherited() -> None:
    assert sets_of_a_child("hear_what_is_ignored()") == {"SigBlk": 0, "SigIgn": 0}


def test_a_child_sets_all_back() -> None:
    ignored = sets_of_a_child("set_all_back()")["SigIgn"]
    assert ignored == 0
