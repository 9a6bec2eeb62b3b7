"""Old agents go after a good deployment; one that runs, the current one, the one before it and one used just now stay."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from shipway_agent import agents
from shipway_agent.itself import CURRENT
from shipway_agent.root import Root

OLD = 100_000.0
"""Seconds since the epoch: long ago."""


def agent(root: Root, letter: str, at: float | None = None) -> Path:
    """The file of an agent, its compiled form beside it."""
    folder = Path(root.path, "agent")
    folder.mkdir(exist_ok=True)
    (folder / f"{letter * 64}.cpython-311.modules").write_bytes(b"")
    path = folder / f"{letter * 64}.pyz"
    path.write_text("import sys; print('up', flush=True); sys.stdin.read()")
    if at is not None:
        os.utime(path, (at, at))
    return path


def test_what_nobody_needs_goes_with_its_compiled_form(root: Root) -> None:
    for age, letter in enumerate("abcd"):
        agent(root, letter, OLD + age)
    agent(root, "e")
    root.link(CURRENT, f"{'a' * 64}.pyz")
    (Path(root.path) / "agent/notes.txt").write_text("somebody's own")
    removed = agents.prune(root)
    assert removed == [f"agent/{letter * 64}.{end}" for letter in "bcd" for end in ("cpython-311.modules", "pyz")]
    assert (Path(root.path) / "agent/notes.txt").exists()
    assert agents.prune(root) == []


def test_the_one_before_stays(root: Root) -> None:
    for age, letter in enumerate("abc"):
        agent(root, letter, OLD + age)
    root.link(CURRENT, f"{'c' * 64}.pyz")
    assert {name.split("/")[1][0] for name in agents.prune(root)} == {"a"}


def test_one_that_runs_stays_wherever_it_works(root: Root) -> None:
    path = agent(root, "a", OLD)
    agent(root, "b", OLD + 1)
    agent(root, "c", OLD + 2)
    with subprocess.Popen([sys.executable, "-I", path, "supervise"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stdout.readline() == b"up\n"
        assert {name.split("/")[1][0] for name in agents.prune(root)} == {"b"}
        running.communicate()
    assert {name.split("/")[1][0] for name in agents.prune(root)} == {"a"}


def test_one_that_runs_in_the_process_of_a_login_stays(root: Root) -> None:
    path = agent(root, "a", OLD)
    agent(root, "b", OLD + 1)
    agent(root, "c", OLD + 2)
    program = f"import sys; file = open({str(path)!r}); print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-I", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stdout.readline() == b"up\n"
        assert {name.split("/")[1][0] for name in agents.prune(root)} == {"b"}
        running.communicate()
    assert {name.split("/")[1][0] for name in agents.prune(root)} == {"a"}
