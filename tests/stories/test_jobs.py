"""A periodic job of a real application: it runs from what serves, across a deployment and a dead supervisor, and once."""

from __future__ import annotations

import os
import shlex
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shipway_agent import daemon
from shipway_agent.root import Root
from tests.docs.page import DOCS, commands
from tests.stories.project import eventually
from tests.stories.shop import QUICK, Shop

JOB = """
[[task]]
name = "nightly"
schedule = "0 3 * * *"
timezone = "UTC"
catch_up = true
run = "echo begins in $RELEASE; echo $RELEASE >> {place}/ran; until [ -e {place}/go ]; do sleep 0.1; done; test ! -e {place}/bad"

[[environment.local.notify]]
command = ["{place}/page"]
"""


ASKED = commands((DOCS / "howto/jobs.md").read_text(encoding="utf-8"))
"""What the page of jobs has people type."""


def rows(shop: Shop, query: str) -> list[tuple[Any, ...]]:
    """What the host's journal answers: to wait for something costs a look and no command."""
    with closing(sqlite3.connect(shop.root / "journal.db", timeout=30)) as db, db:
        return db.execute(query).fetchall()


def ended(shop: Shop) -> list[str]:
    """How each run ended, in their order."""
    return [state for (state,) in rows(shop, "SELECT state FROM runs WHERE state != 'running' ORDER BY rowid")]


def job(shop: Shop) -> dict[str, Any]:
    """The job as `status --json` tells it, whatever the status says of the rest."""
    said = shop.project.run("status", "local", "--json", code=None)
    (found,) = said.lines[0]["hosts"][0]["jobs"]
    return dict(found)


def a_night_passes(shop: Shop) -> None:
    """The supervisor is killed, and a time of the schedule passes before the next one is started."""
    with Root(str(shop.root)) as root:
        answer = daemon.ask(root, {"hello": True}, 30.0)
        assert answer is not None
        os.kill(int(answer["pid"]), signal.SIGKILL)
        eventually(lambda: not root.supervised(), "the supervisor is gone")
    rows(shop, "UPDATE jobs SET last = last - 100000")


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.timeout(300)
def test_a_job_runs_once_across_a_deployment_and_dead_supervisors_and_people_hear_when_it_fails(place: Path) -> None:
    page = place / "page"
    page.write_text(f"#!/bin/sh\ncat >> {place}/paged\necho >> {place}/paged\n")
    page.chmod(0o755)
    shop = Shop(place, more=QUICK, after=JOB.format(place=place))
    shop.project.deploy("v1")
    eventually(lambda: len(rows(shop, "SELECT * FROM jobs")) == 1, "the host has taken the job")
    assert not lines(place / "ran")

    a_night_passes(shop)
    shop.project.run("doctor", "local", "--fix", code=None)
    eventually(lambda: lines(place / "ran") == ["v1"], "it is made up for")
    a_night_passes(shop)
    shop.project.deploy("v2")
    assert shop.version() == "2"
    assert job(shop)["running"]["generation"] == 1, "it goes on in the release that it began with"
    (place / "go").touch()
    eventually(lambda: ended(shop) == ["done"], "it has ended")
    assert lines(place / "ran") == ["v1"]

    (place / "bad").touch()
    a_night_passes(shop)
    shop.project.run("doctor", "local", "--fix", code=None)
    eventually(lambda: ended(shop) == ["done", "failed"], "it has failed")
    assert lines(place / "ran") == ["v1", "v2"]
    eventually(lambda: any("has a job that failed" in line for line in lines(place / "paged")), "somebody is told")
    said = {asked: shop.project.run(*shlex.split(asked.replace("production", "local"))[1:], code=None) for asked in ASKED}
    doctor = said["shipway doctor production"]
    assert doctor.code == 1 and "job nightly failed (exit 1)" in doctor.out
    assert "shipway logs local --host a --process nightly says why" in doctor.out
    assert said["shipway logs production --process nightly"].out.endswith("begins in v2\n")
    assert "nightly" in said["shipway status production"].out
