"""The kernel reports the end of a process to a poll object, whoever its parent is."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shipway_agent import deaths
from shipway_agent.deaths import Deaths


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    started = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(2)]
    yield started
    for child in started:
        child.kill()
        child.wait()


def test_the_end_of_a_process_wakes_the_poll(children: list[subprocess.Popen[bytes]]) -> None:
    poll = select.poll()
    watch = Deaths(poll)
    assert watch.watch([child.pid for child in children])
    assert poll.poll(0) == []
    children[0].kill()
    assert len(poll.poll(30_000)) == 1
    assert watch.watch([children[1].pid])  # who is not named any more is reported no more
    assert poll.poll(0) == []
    watch.watch([])


def test_a_process_that_is_gone_already_cannot_be_watched(children: list[subprocess.Popen[bytes]]) -> None:
    children[0].kill()
    children[0].wait()
    watch = Deaths(select.poll())
    assert not watch.watch([children[0].pid, children[1].pid])
    watch.watch([])


def test_where_the_kernel_does_not_report_it_is_said(children: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deaths, "_open", None)
    assert not Deaths(select.poll()).watch([children[0].pid])
