"""When a process began is read right, also of a host whose boot clock is another."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.faults.processes import began_at, described
from tests.hosts import Hosts

pytestmark = [pytest.mark.hosts, pytest.mark.slow]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with Hosts(1) as hosts:
        yield hosts


def test_a_process_of_a_host_began_when_it_was_started(hosts: Hosts) -> None:
    before = time.time()
    program = ["python3", "-c", "print('runs', flush=True); input()"]
    child = subprocess.Popen(hosts.enter("a", program), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"runs\n"
        after = time.time()
        (pid,) = [pid for pid, command in hosts.pids("a").items() if command.startswith("python3 -c print('runs'")]
        assert before - 0.05 <= began_at(pid) <= after + 0.05
        assert described(pid).startswith(f"{pid} of ")
    finally:
        child.kill()
        child.communicate()
    assert "gone" in described(child.pid)
