"""What a run of tests leaves running is named and ended, however it hid; what ends by itself in time is nobody's fault."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.stories.project import ROOT

RUNS = "import json, sys; from tests.left import run; ran = run(sys.argv[2:], float(sys.argv[1])); print(json.dumps([ran.code, ran.left]))"

HIDES = """
import os, sys
if os.fork():
    sys.exit(7)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep({seconds})"], {environment})
"""


def left_by(program: str, patience_seconds: float) -> tuple[int, list[str]]:
    """The exit code of a program, and what it left, told by a process of its own: it adopts orphans."""
    argv = [sys.executable, "-c", RUNS, f"{patience_seconds}", sys.executable, "-c", program]
    said = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=60)
    code, left = json.loads(said.stdout)
    return code, left


def hidden(seconds: float, **environment: Any) -> str:
    """A program whose grandchild has a session, a directory and an environment of its own, as daemons do."""
    return HIDES.format(seconds=seconds, environment=environment)


def test_a_daemon_is_named_and_ended() -> None:
    code, (left,) = left_by(hidden(600), 0.5)
    assert code == 7
    pid, _, said = left.partition(" ")
    assert said == f"in /: {sys.executable} -c import time; time.sleep(600)"
    assert not Path(f"/proc/{pid}").exists()


def test_the_test_that_started_it_is_named_where_its_environment_tells() -> None:
    _, (left,) = left_by(hidden(600, PYTEST_CURRENT_TEST="tests/test_one.py::test_one (call)"), 0.5)
    assert left.endswith("(of tests/test_one.py::test_one (call))")


def test_children_of_what_is_left_are_named_too() -> None:
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {hidden(600)!r}]); import time; time.sleep(600)"
    _, left = left_by(f"import os, sys; os.fork() or os.execv(sys.executable, [sys.executable, '-c', {parent!r}])", 1.0)
    assert len(left) == 2


def test_what_ends_in_time_is_not_left() -> None:
    assert left_by(hidden(1.0), 20.0) == (7, [])
    assert left_by("", 20.0) == (0, [])
