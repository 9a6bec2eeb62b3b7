"""Which processes belong to a running copy: by group, by session, by marker; and who does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shipway_agent import group
from shipway_agent.group import Instance
from tests.agent.lodge import wait

SLEEPS = "import time; time.sleep(600)"


class Family:
    """Processes started by a test, all ended after it."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        self.markers: set[str] = set()

    def start(self, code: str, marker: str | None, **more: str) -> subprocess.Popen[bytes]:
        environment = {"PATH": os.environ["PATH"], **more, **({group.MARKER: marker} if marker else {})}
        self.started.append(subprocess.Popen([sys.executable, "-c", code], env=environment, start_new_session=True))
        self.markers |= {marker} if marker else set()
        return self.started[-1]

    def close(self) -> None:
        for one in self.started:
            if one.returncode is None:
                os.killpg(one.pid, signal.SIGKILL)  # also who lost the marker: it cannot be told once its leader is gone
        for marker in self.markers:
            group.kill_whole(Instance(marker), 10)
        for one in self.started:
            one.wait()


@pytest.fixture
def family() -> Iterator[Family]:
    one = Family()
    yield one
    one.close()


def instance(child: subprocess.Popen[bytes], marker: str) -> Instance:
    known = group.known(child.pid)
    assert known is not None
    return Instance(marker, child.pid, known.start)


def test_children_and_grandchildren_belong_to_it(family: Family) -> None:
    child = family.start(f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '{SLEEPS}']); {SLEEPS}", "r/1/web/1/x")
    found = wait(lambda: both if len(both := group.members(instance(child, "r/1/web/1/x"))) == 2 else None)
    assert found[0].pid == child.pid
    assert {one.group for one in found} == {child.pid}


def test_who_left_group_and_session_is_found_by_the_marker(family: Family) -> None:
    child = family.start(f"import os; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); {SLEEPS}", "r/1/web/1/y")
    child.wait()
    (left,) = wait(lambda: _who_left(group.members(Instance("r/1/web/1/y", child.pid, 1)), child.pid))
    assert child.pid not in (left.pid, left.group)


def _who_left(found: tuple[group.Known, ...], leader: int) -> tuple[group.Known, ...]:
    """Its members once the last of them is alone, in a session that it does not lead: before, it is still on its way out."""
    return found if len(found) == 1 and leader != found[0].session != found[0].pid else ()


def test_who_lost_the_marker_is_found_by_the_group(family: Family) -> None:
    child = family.start(
        f"import os, sys; os.fork() or os.execve(sys.executable, [sys.executable, '-c', '{SLEEPS}'], {{}}); {SLEEPS}", "r/1/web/1/z"
    )
    found = wait(lambda: both if len(both := group.members(instance(child, "r/1/web/1/z"))) == 2 else None)
    wait(lambda: {group.marker_of(one.pid) for one in found} == {None, "r/1/web/1/z"})


def test_a_younger_process_with_the_pid_of_a_leader_that_is_gone_is_somebody_elses(family: Family) -> None:
    child = family.start(SLEEPS, None)
    started = group.known(child.pid)
    assert started is not None
    assert group.members(Instance("r/1/web/1/q", child.pid, started.start)) == (started,)
    assert group.members(Instance("r/1/web/1/q", child.pid, started.start - 1)) == ()
    assert not group.alive(child.pid, started.start - 1)


def test_a_marker_must_be_the_whole_marker(family: Family) -> None:
    family.start(SLEEPS, "r/1/web/1/token-and-more")
    assert group.members(Instance("r/1/web/1/token")) == ()


def test_a_zombie_is_not_alive_and_a_process_whose_first_thread_ended_is(family: Family) -> None:
    zombie = family.start("pass", None)
    wait(lambda: (known := group.known(zombie.pid)) is not None and known.dead)
    code = (
        f"import ctypes, threading; t = threading.Thread(target=lambda: exec('{SLEEPS}')); t.start(); ctypes.CDLL(None).pthread_exit(None)"
    )
    headless = family.start(code, "r/1/web/1/h")
    wait(lambda: _state(headless.pid) == "Z")
    known = group.known(headless.pid)
    assert known is not None
    assert group.alive(headless.pid, known.start)
    assert group.members(Instance("r/1/web/1/h", headless.pid, known.start)) == (known,)


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(") ")[2][0]


def test_a_copy_that_forks_as_fast_as_it_is_killed_ends_all_the_same(family: Family) -> None:
    flood = "import os, time, signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nend = time.time() + 60\n"
    flood += "while time.time() < end:\n    if os.fork():\n        os._exit(0)\n    time.sleep(0.002)"
    family.start(flood, "r/1/web/1/f")
    assert group.kill_whole(Instance("r/1/web/1/f"), 20) == ()
    assert group.members(Instance("r/1/web/1/f")) == ()


@pytest.mark.parametrize(
    ("looks", "killed"),
    [
        ([[2], [3], [], [], [4], *[[]] * group.CALM_LOOKS], [2, 3, 4]),
        ([[2], [2], []], [2, 2]),
        ([[]], []),
    ],
)
def test_what_forked_while_it_was_killed_is_gone_when_several_looks_found_nothing(
    looks: list[list[int]], killed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look may miss it; of what did not fork the first that finds nothing is enough."""
    left = iter(looks)
    told: list[int] = []
    monkeypatch.setattr(group, "members", lambda _: tuple(group.Known(pid, 1, pid, pid, 1, False) for pid in next(left)))
    monkeypatch.setattr(group, "end", lambda processes, number: told.extend(one.pid for one in processes))
    assert group.kill_whole(Instance("r/1/web/1/k"), 20) == ()
    assert told == killed and next(left, None) is None


def test_a_signal_goes_to_exactly_the_processes_that_were_seen(family: Family) -> None:
    child, other = family.start(SLEEPS, None), family.start(SLEEPS, None)
    seen, unseen = group.known(child.pid), group.known(other.pid)
    assert seen is not None
    assert unseen is not None
    group.end([seen, group.Known(other.pid, 0, 0, 0, unseen.start - 1, False)], signal.SIGTERM)
    assert child.wait(30) == -signal.SIGTERM
    assert other.poll() is None
