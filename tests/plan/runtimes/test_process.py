"""A host's process table: the processes of its roles, in the form in which the agent reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shipway.config.schema import Process
from shipway.model.intent import STEADY_SECONDS
from shipway.plan.runtimes.process import fits, process_table
from shipway_agent import reconcile
from shipway_agent.copies import rule_of
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


def test_how_long_a_worker_must_run_is_in_the_table_only_where_it_is_unusual() -> None:
    """Every document that stands would differ from a new one else."""
    assert STEADY_SECONDS == reconcile.STEADY_SECONDS == Process.model_fields["steady_seconds"].default
    workers = (replace(WORKER, roles=()), replace(WORKER, roles=(), name="quick", steady_seconds=0.0))
    table = process_table(intent(processes=workers).shipment, host("a"))
    assert [row.get("steady_seconds") for row in table] == [None, 0.0]
    assert [rule_of({"processes": table}, row["name"]).steady_seconds for row in table] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("asked", "has", "fitting"),
    [((), ("web",), True), (("web",), ("web", "db"), True), (("jobs",), ("web", "db"), False), (("jobs",), (), True), ((), (), True)],
)
def test_roles_decide_what_runs_where(asked: tuple[str, ...], has: tuple[str, ...], fitting: bool) -> None:
    assert fits(asked, host("a", has)) is fitting
    table = process_table(intent(processes=(replace(WEB, roles=asked),)).shipment, host("a", has))
    assert [row["name"] for row in table] == (["web"] if fitting else [])
