"""A directory in; out, the journals that real deployments leave there, as SQL: python -m tests.agent.journals.make DIRECTORY

Run once for each released format, and what it made is never made anew: a later agent must read what an earlier one wrote.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

from shipway_agent.journal import FILE, FORMAT
from tests.stories.project import end_all, eventually, processes_of
from tests.stories.shop import Shop

TASKS = """
[[task]]
name = "migrate"
phase = "activate"
run = "test ! -e media/slow || sleep 5; echo migrated >> media/told"
undo = "echo withdrawn >> media/told"
"""
TIMES = "watch_seconds = 1\nlease_seconds = 3\nconfirm_seconds = 6"


def make(into: Path) -> None:
    """Everything a journal can hold: committed, reverted, undecided, gone back alone, discarded, steps without an ending."""
    with shop() as one:
        one.project.deploy("v1")
        one.project.deploy("v2")
        keep(one, "a", into, "committed")
        one.project.deploy("v3", code=1)
        keep(one, "b", into, "reverted")
    with shop() as one:
        one.project.deploy("v1")
        dies(one, lambda event: event["event"] == "switched")
        keep(one, "a", into, "undecided-lead")
        keep(one, "b", into, "undecided-member")
        for pid in [pid for pid in processes_of(one.roots["a"]) if b" supervise " in words(pid)]:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: "back" in stages(one, "b"), "b has gone back alone", 60.0)
        keep(one, "b", into, "back")
    with shop() as one:
        one.project.deploy("v1")
        (one.roots["a"] / "shared/media/slow").touch()
        dies(one, lambda event: event["event"] == "step" and event["host"] == "a" and event["data"]["key"] == "task:migrate")
        for pid in [pid for pid in processes_of(one.roots["a"]) if b" serve " in words(pid)]:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: "discarded" in stages(one, "a"), "the lease has run out", 60.0)
        keep(one, "a", into, "discarded")


@contextmanager
def shop() -> Iterator[Shop]:
    directory = Path(tempfile.mkdtemp(prefix="journal-"))
    try:
        yield Shop(directory, ("a", "b"), settings=TASKS, more=TIMES)
    finally:
        end_all(directory)


def dies(one: Shop, moment: Callable[[dict[str, Any]], bool]) -> None:
    """Deploy the next version, and kill the operator's program at that moment."""
    driver: Popen[str] = one.project.start("deploy", "local", "--ref", "v2", "--json")
    assert driver.stdout is not None
    for line in driver.stdout:
        if moment(json.loads(line)):
            break
    driver.kill()
    driver.communicate(timeout=60)


def stages(one: Shop, host: str) -> list[str]:
    with sqlite3.connect(f"file:{one.roots[host] / FILE}?mode=ro", uri=True) as db:
        record = json.loads(db.execute("SELECT json FROM member").fetchone()[0])
    return [attempt["stage"] for attempt in record["attempts"]]


def words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return b""


def keep(one: Shop, host: str, into: Path, what: str) -> None:
    with sqlite3.connect(f"file:{one.roots[host] / FILE}?mode=ro", uri=True) as db:
        (into / f"{FORMAT}-{what}.sql").write_text("\n".join(db.iterdump()) + "\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
