"""A host's process table: the processes of its roles, in the form in which the agent reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shipway.plan.runtimes.process import fits, process_table
from tests.plan.fleet import WEB, WORKER, host, intent


def test_the_table_has_every_key_that_the_agent_reads() -> None:
    assert process_table(intent(processes=(WEB, replace(WORKER, roles=()))).shipment, host("a")) == [
        {
            "name": "web",
            "run": "serve --port $PORT",
            "instances": 1,
            "listens": "port",
            "health": {"page": {"path": "/up", "status": [200], "contains": None, "timeout_seconds": 5.0}, "within_seconds": 20.0},
            "drain_seconds": 30.0,
            "overlap": True,
            "directory": ".",
        },
        {
            "name": "worker",
            "run": ["work", "--for-ever"],
            "instances": 1,
            "listens": None,
            "health": None,
            "drain_seconds": 40.0,
            "overlap": False,
            "directory": ".",
        },
    ]


@pytest.mark.parametrize(
    ("asked", "has", "fitting"),
    [((), ("web",), True), (("web",), ("web", "db"), True), (("jobs",), ("web", "db"), False), (("jobs",), (), True), ((), (), True)],
)
def test_roles_decide_what_runs_where(asked: tuple[str, ...], has: tuple[str, ...], fitting: bool) -> None:
    assert fits(asked, host("a", has)) is fitting
    table = process_table(intent(processes=(replace(WEB, roles=asked),)).shipment, host("a", has))
    assert [row["name"] for row in table] == (["web"] if fitting else [])
