"""`shipway --version` is there at once: at most 60 ms above a bare python3. A command reads only what it needs."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

import shipway

SHIPWAY = Path(sys.executable).with_name("shipway")
LIMIT_SECONDS = 0.060


def seconds(*argv: str | Path) -> float:
    began = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return time.perf_counter() - began


@pytest.mark.alone
def test_version_takes_at_most_60_ms_more_than_bare_python() -> None:
    medians = []
    for _ in range(4):  # a busy machine may spoil a round, not four of them
        pairs = [seconds(SHIPWAY, "--version") - seconds(sys.executable, "-c", "pass") for _ in range(9)]
        medians.append(statistics.median(pairs))
        if medians[-1] <= LIMIT_SECONDS:
            break
    print(f"\nshipway --version: {min(medians) * 1000:.0f} ms above bare python")
    assert min(medians) <= LIMIT_SECONDS


def test_version_says_the_version() -> None:
    said = subprocess.run([SHIPWAY, "--version"], capture_output=True, text=True, check=True).stdout
    assert shipway.__version__ in said


UNREAD = {"shipway.execute.conduct", "shipway.execute.lease", "click", "jinja2", "pydantic", "yaml"}
"""What changes hosts, and libraries that are needed for other things."""


@pytest.mark.parametrize(
    ("flow", "unread"),
    [
        ("approach", UNREAD | {"shipway.execute.ship", "shipway.plan.deploy"}),
        ("status", UNREAD | {"shipway.execute.ship", "shipway.plan.deploy"}),
        (
            "deploy",
            UNREAD | {"shipway.release.migrations.tokens", "shipway.flows.build_host", "shipway.execute.ship", "shipway.execute.feed"},
        ),
        ("rollback", UNREAD | {"shipway.plan.deploy", "shipway.release.migrations.tokens", "shipway.flows.build_host"}),
    ],
)
def test_a_flow_reads_nothing_that_most_of_its_commands_do_not_need(flow: str, unread: set[str]) -> None:
    """A deployment that changes nothing leases no host, so it does not read how."""
    words = f"import sys, shipway.cli.perform, shipway.flows.{flow}; print(*sys.modules)"
    read = set(subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout.split())
    assert "shipway.execute.fleet" in read and not read & unread


def test_logins_begin_before_the_event_loop_and_the_flow_are_read() -> None:
    words = "import sys, shipway.cli.perform, shipway.flows.early; print(*sys.modules)"
    read = set(subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout.split())
    assert "shipway.transports.early" in read
    assert not read & (UNREAD | {"asyncio", "ssl", "logging", "sqlite3", "shipway.execute.fleet", "shipway.plan.facts"})
