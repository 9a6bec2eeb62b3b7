"""Hosts and a scale in, the talk's three ways to deploy by script out, run for real: a process a step, which takes the talk's time.

This is the baseline, as plain as it can be: what surrounds the steps is as short as a script's.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.stories.talk.table import SECONDS, Did, Run, in_order

PREPARE = ("deploy_code", "install_requirements", "backup_database", "collectstatic")
ACTIVATE = ("switch_release", "reload_server")

MIGRATE = "migrate_database"

Work = Callable[[str, Sequence[str]], None]
"""A host and some steps in; returns when they are done."""

Paces = Mapping[str, float]
"""The hosts by name, and how many times as long as the talk's each of them takes for a step."""


def in_series(hosts: Paces, scale: float) -> Run:
    """One host after the other, every step on each."""

    def one_by_one(work: Work) -> None:
        for host in hosts:
            work(host, list(SECONDS))

    return _run(hosts, scale, one_by_one)


def in_parallel(hosts: Paces, scale: float) -> Run:
    """Every host at once and by itself, the migration on the first only: nobody waits for it."""
    first = next(iter(hosts))
    return _run(hosts, scale, lambda work: _together(hosts, lambda host: work(host, [s for s in SECONDS if host == first or s != MIGRATE])))


def in_two_halves(hosts: Paces, scale: float) -> Run:
    """Prepare on all hosts; then the migration on the first; then switch and reload on all."""

    def halves(work: Work) -> None:
        _together(hosts, lambda host: work(host, PREPARE))
        work(next(iter(hosts)), [MIGRATE])
        _together(hosts, lambda host: work(host, ACTIVATE))

    return _run(hosts, scale, halves)


def _run(hosts: Paces, scale: float, deploy: Callable[[Work], None]) -> Run:
    did: list[Did] = []

    def work(host: str, steps: Sequence[str]) -> None:
        for step in steps:
            began = time.time()
            subprocess.run(["sleep", f"{SECONDS[step] * scale * hosts[host]:.4f}"], check=True)
            did.append(Did(began, time.time(), host, step))

    began = time.time()
    deploy(work)
    run = Run(scale, in_order(did), time.time() - began, 0.0, 0.0)
    # What the talk calls activation begins with the first step that users may meet, and so does its "potential downtime".
    exposed = max(one.ended for one in run.of("reload_server")) - run.of(MIGRATE)[0].began
    return Run(scale, run.did, run.whole_seconds, exposed, exposed)


def _together(hosts: Paces, one: Callable[[str], None]) -> None:
    with ThreadPoolExecutor(len(hosts)) as threads:
        for done in [threads.submit(one, host) for host in hosts]:
            done.result()
