"""Every call that changes something is counted, whichever thread or process makes it, and can be struck; nobody else's is."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import strike
from tests.faults.ground import Ground, Times
from tests.hosts import Hosts

pytestmark = [pytest.mark.hosts, pytest.mark.slow, pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler")]

MAKES = """
import os, threading
def make(name):
    try:
        os.symlink("nothing", name)
    except OSError as error:
        print(name[-1], error.errno)
for name in "123":
    one = threading.Thread(target=make, args=["/tmp/made/" + name])
    one.start(); one.join()
"""
"""As the agent does, each from a thread of its own: strace would count one call in each of them."""

AGENT = ["python3", "-I", "-S", "-X", "utf8", "-c"]
"""How the program comes that brings the agent."""


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with Hosts(1) as hosts:
        standing = Ground(1, Times())
        standing.hosts, standing.place = hosts, tmp_path
        hosts.run("a", ["mkdir", "/tmp/made"])
        yield standing


def made(ground: Ground) -> list[str]:
    """What is there; it is taken away."""
    found = sorted(path.name for path in ground.hosts.path("a", "/tmp/made").iterdir())
    ground.hosts.run("a", ["sh", "-c", "rm -f /tmp/made/*"])
    return found


def test_a_call_is_counted_struck_or_fails(ground: Ground) -> None:
    hosts = ground.hosts
    strike.lay(ground, "a", strike.SESSION)
    hosts.run("a", [*AGENT, MAKES])
    hosts.run("a", ["python3", "-c", MAKES])  # not an agent's
    counted = strike.lift(ground, "a")
    before = counted.calls.index("symlink")  # a Python may try to keep what it compiled
    assert (counted.times, counted.calls[before:]) == (0, ("symlink",) * 3)
    assert made(ground) == ["1", "2", "3"]

    strike.lay(ground, "a", strike.SESSION, (before + 2, before + 3))
    dead = [hosts.run("a", [*AGENT, MAKES], check=False).returncode for _ in range(3)]
    assert [code != 0 for code in dead] == [True, True, False]  # at its second call, the next one at its third, and no other
    assert strike.lift(ground, "a").times == 2
    assert made(ground) == ["1", "2", "3"]

    strike.lay(ground, "a", strike.SESSION, (before + 2,), errno.ENOSPC)
    assert hosts.run("a", [*AGENT, MAKES]).stdout.split() == [b"2", str(errno.ENOSPC).encode()]
    assert strike.lift(ground, "a").times == 1
    assert made(ground) == ["1", "3"]
    assert strike.lift(ground, "a") == strike.Struck(0, ())  # lifted is lifted


def test_of_a_run_of_writes_the_first_and_a_middle_one_count(ground: Ground) -> None:
    writes = "import os; f = os.open('/tmp/made/f', os.O_RDWR | os.O_CREAT); [os.pwrite(f, b'x', n) for n in range(10)]; os.fsync(f)"
    strike.lay(ground, "a", strike.SESSION)
    ground.hosts.run("a", [*AGENT, writes])
    names = [name.removesuffix("64") for name in strike.lift(ground, "a").calls]
    assert names[-4:] == ["open", "pwrite", "pwrite", "fsync"]


def test_an_agent_and_a_supervisor_are_told_apart(ground: Ground) -> None:
    strike.lay(ground, "a", strike.SUPERVISOR)
    ground.hosts.run("a", [*AGENT, MAKES])
    assert strike.lift(ground, "a").calls == ()
    assert made(ground) == ["1", "2", "3"]
    strike.lay(ground, "a", strike.SUPERVISOR)
    ground.hosts.run("a", [*AGENT, MAKES, "supervise"])
    assert strike.lift(ground, "a").calls[-3:] == ("symlink",) * 3
