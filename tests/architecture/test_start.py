"""`shipway --version` is there at once: at most 60 ms above a bare python3. A command that only looks reads nothing of what deploys."""

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


@pytest.mark.parametrize("module", ["shipway.flows.status", "shipway.flows.approach"])
def test_who_only_looks_or_logs_in_reads_nothing_of_what_deploys(module: str) -> None:
    words = f"import sys, shipway.cli.perform, {module}; print(*sys.modules)"
    read = set(subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout.split())
    assert "shipway.execute.fleet" in read
    heavy = {"shipway.execute.conduct", "shipway.execute.ship", "shipway.plan.deploy", "shipway_agent.decide", "jinja2", "click", "yaml"}
    assert not read & heavy
